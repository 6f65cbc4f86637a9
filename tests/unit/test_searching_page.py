"""What docs/searching.md says of each query is what is understood."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.models.search import Answer
from domain.query_analysis import analysed
from serve_app.commands.querying import understood_as
from serve_app.query import analysis_model

PAGE = Path(__file__).parents[2] / "docs" / "searching.md"
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
ROWS = re.findall(
    r"^\| `(.+)` \| ((?:text|the newest).*) \|$", PAGE.read_text("utf-8"), re.MULTILINE
)


def test_the_page_has_examples() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize(("query", "said"), ROWS, ids=[query for query, _ in ROWS])
def test_an_example_is_understood_as_the_page_says(query: str, said: str) -> None:
    answer = Answer((), 0.0, {}, analysis=analysed(query, now=NOW))
    model = analysis_model(answer)
    assert model is not None
    shown = model.model_dump(mode="json")
    assert understood_as(shown) == f"understood: {said}"
