"""Transcripts saved as text: ``MM:SS | Name`` and what was said."""

from __future__ import annotations

import io

import pytest

from domain.models.records import DroppedItem, Record, RejectedItem
from domain.parsers.detection import detect
from domain.parsers.forms import MAX_RECORD_BYTES, Site
from domain.parsers.gong import GongParser
from domain.references import references_of
from tests.builders import items_in, parse_context, records_in

PARSER = GongParser()
TURNS = """\
0:05 | Ada Lovelace
Thank you for coming.
Shall we begin?

1:02:11 | Bo Agnew
We will delay the renewal.
"""
HEADED = "Renewal review\nhttps://app.gong.io/call?tab=1&id=77\n\nTranscript\n\n" + TURNS


def spoken(text: str, filename: str = "a call.txt") -> Record:
    (record,) = records_in(PARSER, text.encode(), filename=filename, source_type="gong")
    return record


@pytest.mark.parametrize(
    "text", [TURNS, HEADED, TURNS.replace("\n", "\r\n"), TURNS.replace(" | ", "|")]
)
def test_turns_with_times_and_names_are_detected(text: str) -> None:
    assert detect(io.BytesIO(text.encode("utf-8-sig")), "x.txt").name == "gong"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("0:05 | Ada\nHello.\n", id="one"),
        pytest.param("0:05 | Ada\n0:06 | Bo\n0:07 | Cy\n", id="table"),
        pytest.param("0:05 | Ada | 3\nx\n0:06 | Bo | 4\ny\n", id="wide-table"),
        pytest.param("at 0:05 | Ada\nHi.\nat 0:06 | Bo\nHo.\n", id="prose"),
    ],
)
def test_what_only_resembles_turns_is_none(text: str) -> None:
    assert detect(io.BytesIO(text.encode()), "x.txt").name != "gong"


def test_a_turn_is_a_segment_with_its_start() -> None:
    record = spoken(TURNS)
    assert record.content == (
        "Ada Lovelace: Thank you for coming. Shall we begin?\nBo Agnew: We will delay the renewal."
    )
    assert [segment.metadata for segment in record.segments] == [
        {"speaker": "Ada Lovelace", "start_seconds": 5.0},
        {"speaker": "Bo Agnew", "start_seconds": 3731.0},
    ]


def test_a_text_without_a_heading_is_called_like_its_file() -> None:
    record = spoken(TURNS)
    assert (record.title, record.thread, record.visibility) == ("a call", None, ("public",))


def test_a_text_with_its_calls_address_joins_the_call() -> None:
    record = spoken(HEADED)
    assert (record.native_id, record.thread) == ("transcript:77", "77")
    assert record.title == "Renewal review"
    assert record.visibility == ("gong:call:77",)
    assert "gong:started:77" in references_of(record)


def test_what_stands_before_the_turns_is_kept() -> None:
    assert spoken(HEADED).metadata["preamble"].endswith("Transcript")


def test_a_nameless_turn_is_of_an_unknown_speaker_and_a_wordless_one_left_out() -> None:
    assert spoken("0:01 |\nHello.\n0:02 | Ada\n\n0:03 | Bo\nBye.").content == (
        "Unknown speaker: Hello.\nBo: Bye."
    )


def test_any_slicing_gives_the_one_transcript() -> None:
    assert items_in(PARSER, TURNS.encode(), slice_bytes=5) == items_in(PARSER, TURNS.encode())


def test_a_text_that_is_too_large_is_rejected() -> None:
    (item,) = items_in(PARSER, TURNS.encode() + b"x" * MAX_RECORD_BYTES)
    assert isinstance(item, RejectedItem)


def test_a_text_whose_turns_have_no_words_is_dropped_by_name() -> None:
    layout = {"format": "gong", "encoding": "utf-8", "bom_bytes": 0, "shape": "spoken_text"}
    (item,) = PARSER.items(io.BytesIO(b"0:01 | Ada"), layout, Site(parse_context()))
    assert isinstance(item, DroppedItem)
    assert item.rule == "empty_transcript"
