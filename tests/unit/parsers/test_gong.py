"""Gong's dumps in every shape: the same calls, the same transcripts, everything counted."""

from __future__ import annotations

import gzip
import io
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, ParsedItem, Record, RejectedItem
from domain.parsers.detection import PARSERS, detect
from domain.parsers.gong import GongParser
from tests.builders import described, items_in, records_in, zip_of
from tests.gong_builders import (
    CALL_ID,
    SHAPES,
    details,
    error,
    extensive,
    monologue,
    page,
    transcript,
    without_place,
)

SOME = settings(deadline=None, max_examples=25)
PARSER = GongParser()
LISTED = [details("1", title="One"), details("2", title="Two"), details("3")]
EXTENSIVE = [extensive("1"), extensive("2"), extensive("3")]
SPOKEN = [transcript("1"), transcript("2"), transcript("3")]
USER = {
    "id": "u1",
    "emailAddress": "ada@tarnbeck.example",
    "trustedEmailAddress": "ada@tarnbeck.example",
    "emailAliases": [],
    "firstName": "Ada",
    "lastName": "Lovelace",
}
TRACKER = {
    "trackerId": "t1",
    "trackerName": "Competitors",
    "languageKeywords": [{"language": "eng", "keywords": ["Bargewell", "Quint"]}],
    "updated": "2025-02-17T02:30:00-08:00",
}


def read(content: bytes, filename: str = "x.json", **context: Any) -> list[ParsedItem]:
    """By whichever parser is chosen for the content."""
    parser = detect(io.BytesIO(content), filename, source=context.get("source"))
    context.setdefault("source_type", parser.name)
    return items_in(parser, content, filename=filename, **context)


def ids(items: list[ParsedItem]) -> list[str]:
    return [item.native_id for item in items if isinstance(item, Record)]


def found(value: Any) -> str:
    return detect(io.BytesIO(orjson.dumps(value)), "x.json").name


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("calls", LISTED, id="listed"),
        pytest.param("calls", EXTENSIVE, id="extensive"),
        pytest.param("callTranscripts", SPOKEN, id="transcripts"),
    ],
)
def test_every_shape_is_detected_and_gives_the_same_records(
    shape: str, name: str, values: list[Any]
) -> None:
    each = [item for value in values for item in read(orjson.dumps(value), source_type="gong")]
    items = read(SHAPES[shape](name, values), source_type="gong")
    assert without_place(items) == without_place(each)
    assert len(ids(items)) == 3


@pytest.mark.parametrize("shape", SHAPES)
@SOME
@given(
    calls=st.lists(st.sampled_from([*LISTED, *EXTENSIVE]), min_size=2, max_size=6),
    slice_bytes=st.integers(1, 3000),
)
def test_any_slicing_gives_the_same_items(shape: str, calls: list[Any], slice_bytes: int) -> None:
    content = SHAPES[shape]("calls", calls)
    whole = items_in(PARSER, content, source_type="gong")
    assert items_in(PARSER, content, slice_bytes=slice_bytes, source_type="gong") == whole
    assert len(whole) == len(calls)


def test_a_large_page_streams_its_calls_and_keeps_what_follows_them() -> None:
    calls = [extensive(str(n), content={"brief": "x" * 3000}) for n in range(500)]
    content = orjson.dumps(page(calls=calls, callTranscripts=SPOKEN))
    assert described(PARSER, content)["path"] == ["calls"]
    cut = read(content, slice_bytes=100_000)
    assert ids(cut) == [f"call:{n}" for n in range(500)] + [f"transcript:{n}" for n in (1, 2, 3)]


def test_lines_of_pages_that_are_larger_than_the_head_are_all_read() -> None:
    pages = [
        page(calls=[extensive(f"{n}{m:03}", content={"brief": "x" * 4000}) for m in range(300)])
        for n in (1, 2, 3)
    ]
    assert len(ids(read(b"\n".join(map(orjson.dumps, pages))))) == 900


def test_a_call_larger_than_the_head_is_not_taken_apart() -> None:
    long = [monologue("1", "word " * 20, start=2000 * n) for n in range(9000)]
    content = orjson.dumps(transcript("5", long), option=orjson.OPT_INDENT_2)
    assert len(content) > 2**20
    assert ids(read(content)) == ["transcript:5"]


def test_a_call_that_carries_its_transcript_is_two_records_of_one_thread() -> None:
    items = read(
        orjson.dumps(page(calls=[extensive() | {"transcript": transcript()["transcript"]}]))
    )
    assert ids(items) == [f"call:{CALL_ID}", f"transcript:{CALL_ID}"]
    assert {item.thread for item in items if isinstance(item, Record)} == {CALL_ID}


@pytest.mark.parametrize("pack", ["gzip", "zip"])
def test_packed_dumps_are_read_as_gongs(pack: str) -> None:
    content = orjson.dumps(page(calls=LISTED))
    packed = gzip.compress(content) if pack == "gzip" else zip_of({"a/calls-1.json": content})
    records = [item for item in read(packed, f"x.{pack}") if isinstance(item, Record)]
    assert [record.source_type for record in records] == ["gong"] * 3


def test_one_answer_with_one_call_is_read() -> None:
    assert ids(read(orjson.dumps({"requestId": "r", "call": details("9")}))) == ["call:9"]


def test_a_webhook_is_read_and_a_test_of_it_dropped() -> None:
    hook = {"callData": extensive("9"), "isTest": False}
    assert ids(read(orjson.dumps(hook))) == ["call:9"]
    (item,) = read(orjson.dumps(hook | {"isTest": True}))
    assert isinstance(item, DroppedItem)
    assert item.rule == "test_webhook"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(error(), id="404"),
        pytest.param(page(callTranscripts=[]), id="transcripts"),
        pytest.param(page(calls=[]), id="calls"),
    ],
)
def test_an_answer_that_found_nothing_is_dropped_by_name(answer: Any) -> None:
    (item,) = read(orjson.dumps(answer))
    assert isinstance(item, DroppedItem)
    assert item.rule == "empty_result"


def test_an_answer_that_failed_among_others_is_rejected_with_its_reason() -> None:
    content = b"\n".join(map(orjson.dumps, [page(calls=LISTED), error("API rate limit reached")]))
    *_, failed = read(content)
    assert isinstance(failed, RejectedItem)
    assert "API rate limit reached" in failed.error


def test_a_transcript_without_words_is_dropped_by_name() -> None:
    (item,) = read(orjson.dumps(transcript(monologues=[])))
    assert isinstance(item, DroppedItem)
    assert item.rule == "empty_transcript"


@pytest.mark.parametrize(
    "bad", [{"metaData": {"started": "2025-01-01"}}, "text", None, {"metaData": {"id": 7.8e18}}]
)
def test_a_call_that_cannot_be_known_again_is_rejected(bad: Any) -> None:
    items = read(orjson.dumps(page(calls=[details("1"), bad])))
    assert [type(item) for item in items] == [Record, RejectedItem]


@pytest.mark.parametrize("name", ["callTranscripts", "users", "keywordTrackers"])
def test_an_element_without_an_id_is_rejected(name: str) -> None:
    items = read(orjson.dumps(page(**{"calls": LISTED, name: [{"transcript": []}]})))
    assert isinstance(items[-1], RejectedItem)


def test_users_and_trackers_are_records() -> None:
    assert ids(read(orjson.dumps(page(users=[USER])))) == ["user:u1"]
    (tracker,) = records_in(PARSER, orjson.dumps({"keywordTrackers": [TRACKER]}))
    assert tracker.content == "Tracker Competitors\neng: Bargewell, Quint"
    assert tracker.version == "2025-02-17T10:30:00+00:00"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(page(users=[{**USER, "trustedEmailAddress": None}]), id="users"),
        pytest.param({"requestId": "r", "keywordTrackers": [TRACKER]}, id="trackers"),
        pytest.param({"result": {"data": page(calls=LISTED)}}, id="wrapped-twice"),
        pytest.param({"response": error()}, id="wrapped-404"),
        pytest.param({"requestId": "r", "call": details()}, id="one-call"),
        pytest.param(error(), id="404"),
    ],
)
def test_answers_are_told_from_other_json(value: Any) -> None:
    assert found(value) == "gong"


def test_other_lists_in_an_answer_are_read_as_any_json() -> None:
    *_, team = read(orjson.dumps(page(calls=LISTED, teams=[{"id": "t1", "name": "EMEA"}])))
    assert isinstance(team, Record)
    assert team.metadata["_list"] == "teams"


def test_what_breaks_off_after_a_large_page_is_rejected() -> None:
    calls = [extensive(str(n), content={"brief": "x" * 4000}) for n in range(300)]
    content = orjson.dumps(page(calls=calls))[:-1] + b', "teams": x}'
    assert isinstance(read(content)[-1], RejectedItem)


def test_a_user_gives_others_its_name() -> None:
    (user,) = records_in(PARSER, orjson.dumps([USER]))
    assert user.names == {"gong:user:u1": "Ada Lovelace"}


def test_what_is_not_known_among_calls_is_read_as_any_json() -> None:
    odd = {"id": "5", "note": "a snippet worth hearing", "title": "Library"}
    other = page(workspaces=[{"id": "w1", "name": "EMEA"}])
    items = read(b"\n".join(map(orjson.dumps, [page(calls=[*LISTED, odd]), other, ["x", 1]])))
    records = [item for item in items if isinstance(item, Record)]
    assert [record.content for record in records[3:]] == [
        "id: 5\nnote: a snippet worth hearing\ntitle: Library",
        "id: w1\nname: EMEA",
        "x, 1",
    ]


def test_a_blank_object_among_calls_is_dropped_and_a_broken_line_rejected() -> None:
    items = read(b"\n".join([*map(orjson.dumps, LISTED), b"{}", b'{"id": ']))
    assert [type(item) for item in items[3:]] == [DroppedItem, RejectedItem]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([{"id": 1, "title": "Call", "started": "2025-01-01"}], id="event"),
        pytest.param({"calls": [{"id": 1, "from": "+1", "to": "+2", "duration": 5}]}, id="phone"),
        pytest.param({"requestId": "r", "errors": ["bad token"]}, id="other-error"),
        pytest.param({"users": [{"id": 1, "firstName": "A", "lastName": "B"}]}, id="users"),
        pytest.param({"metaData": {"id": 4, "title": "x"}}, id="meta"),
        pytest.param({"callId": 1, "transcript": [{"speaker": "A", "text": "hi"}]}, id="speech"),
        pytest.param({"callId": 1, "transcript": "Hi there"}, id="speech-text"),
        pytest.param([details("1"), {"a": 1}, {"b": 1}], id="mostly-others"),
        pytest.param({"requestId": "r", "call": {"id": 3}}, id="other-call"),
        pytest.param({"callData": {"a": 1}}, id="other-hook"),
        pytest.param(page(orders=[{"id": 1}]), id="other-page"),
    ],
)
def test_json_of_others_stays_json(value: Any) -> None:
    assert found(value) == "json"


def test_calls_named_as_gongs_by_the_user_are_read_as_such() -> None:
    content = orjson.dumps([{"id": "1", "a": 1}])
    (record,) = read(content, source="gong", source_type="gong")
    assert isinstance(record, Record)
    assert detect(io.BytesIO(content), "x.json", source="gong") is PARSERS["gong"]


def test_a_table_may_be_labelled_as_gongs() -> None:
    assert detect(io.BytesIO(b"id,name\n1,Ann\n"), "x.csv", source="gong").name == "csv"


def test_what_is_neither_json_nor_a_transcript_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="neither"):
        described(PARSER, b"plain words")


def test_numbers_as_ids_become_their_digits() -> None:
    assert ids(read(orjson.dumps([details(7782342274025937895)]))) == [f"call:{CALL_ID}"]  # type: ignore[arg-type]


def test_a_label_of_the_users_own_is_what_records_carry() -> None:
    (record, *_) = records_in(PARSER, orjson.dumps(LISTED), source_type="sales_calls")
    assert record.source_type == "sales_calls"
