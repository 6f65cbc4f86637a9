from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.errors import InvalidQueryError
from domain.models.ids import RecordId
from domain.models.search import Hit, Match
from domain.paging import Cursor, continued, decoded

CURSOR = Cursor(
    "ab",
    "cd",
    100,
    20,
    since=datetime(2026, 3, 1, tzinfo=UTC),
    now=datetime(2026, 3, 2, 9, 0, 0, 7, UTC),
)


def hit(number: int) -> Hit[Match]:
    return Hit(Match(RecordId(UUID(int=number)), "slack", 1.0, lambda: None), 1.0, ())  # type: ignore[arg-type,return-value]


def test_a_cursor_comes_back_as_it_was() -> None:
    assert decoded(CURSOR.encoded()) == CURSOR


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "💧",
        "bnVsbA",
        Cursor("a", "b", 100, 1_001).encoded(),
        Cursor("a", "b", 0).encoded(),
        Cursor("a", "b", 100, now=CURSOR.now.replace(tzinfo=None)).encoded(),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError, match="hand back next_cursor"):
        decoded(text)


def test_a_deeper_ranking_goes_on_behind_the_first_one() -> None:
    joined = continued([hit(1), hit(2)], [hit(2), hit(3), hit(1), hit(4)])
    assert [one.candidate.record_id.int for one in joined] == [1, 2, 3, 4]
