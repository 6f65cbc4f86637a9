"""What was said: turns with their speakers and times, with or without the call beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.models.records import ContentType, Record
from domain.parsers.gong import GongParser
from domain.references import references_of, resolved
from tests.builders import records_in
from tests.gong_builders import (
    ADA,
    BO,
    CALL_ID,
    TALK,
    details,
    extensive,
    monologue,
    transcript,
    without_place,
)

PARSER = GongParser()


def alone(monologues: Any = TALK) -> Record:
    (record,) = records_in(PARSER, orjson.dumps([transcript(monologues=monologues)]))
    return record


def with_call(call: Any, monologues: Any = TALK) -> tuple[Record, Record]:
    """The call's record and the transcript's, from one object."""
    content = orjson.dumps([call | {"transcript": monologues}])
    told, spoken = records_in(PARSER, content)
    return told, spoken


def test_a_turn_is_a_line_of_speaker_and_words() -> None:
    assert with_call(extensive())[1].content == (
        "Ada Lovelace: Thank you for coming. Shall we begin?\n"
        "Bo Agnew (External): We will delay the renewal."
    )


def test_a_turn_is_a_segment_that_says_who_spoke_when() -> None:
    _, spoken = with_call(extensive())
    first, second = spoken.segments
    assert spoken.content[second.start : second.end].startswith("Bo Agnew")
    assert (first.start, first.end, second.end) == (0, second.start, len(spoken.content))
    assert second.metadata == {
        "speaker": "Bo Agnew (External)",
        "affiliation": "External",
        "start_seconds": 20.0,
        "end_seconds": 20.9,
        "topic": "Pricing",
    }


def test_a_transcript_says_what_it_holds() -> None:
    record = resolved(alone(), {})
    assert record.content_type is ContentType.TRANSCRIPT
    assert (record.native_id, record.thread) == (f"transcript:{CALL_ID}", CALL_ID)
    assert record.metadata == {
        "call_id": CALL_ID,
        "turns": 2,
        "sentences": 3,
        "speakers": ["Speaker 1", "Speaker 2"],
        "speaker_keys": [f"gong-party:{CALL_ID}:{ADA}", f"gong-party:{CALL_ID}:{BO}"],
        "topics": ["Pricing"],
    }


def test_a_transcript_alone_shows_numbers_for_names() -> None:
    record = resolved(alone(), {})
    assert record.content.startswith("Speaker 1: Thank you")
    assert (record.title, record.timestamp) == (f"Call {CALL_ID}", None)
    assert record.url == f"https://app.gong.io/call?id={CALL_ID}"


def test_a_transcript_alone_is_seen_by_its_calls_readers_only() -> None:
    assert alone().visibility == resolved(alone(), {}).visibility == (f"gong:call:{CALL_ID}",)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(extensive(), id="extensive"),
        pytest.param(extensive(metaData=details(isPrivate=True)), id="private"),
        pytest.param(extensive(parties=None), id="imported"),
        pytest.param(details(), id="listed"),
        pytest.param({"metaData": {"id": CALL_ID, "duration": 5}}, id="bare"),
    ],
)
def test_a_transcript_that_finds_its_call_is_as_if_it_had_come_with_it(call: Any) -> None:
    told, spoken = with_call(call)
    found = resolved(alone(), told.names)
    (expected,) = without_place([resolved(spoken, {})])
    assert without_place([found]) == [replace(expected, version=found.version)]


def test_what_a_call_tells_is_all_that_its_transcript_asks() -> None:
    assert references_of(alone()) == with_call(extensive())[0].names.keys()


def test_a_transcript_that_came_with_its_call_is_of_a_greater_version() -> None:
    assert with_call(details())[1].version > alone().version


def test_a_speaker_without_id_is_unknown() -> None:
    record = alone([monologue(None, "Hello."), monologue(BO, "Hi.")])
    assert resolved(record, {}).content == "Unknown speaker: Hello.\nSpeaker 1: Hi."


def test_a_speaker_whom_the_call_does_not_list_has_a_number() -> None:
    _, spoken = with_call(extensive(), [monologue(ADA, "Hello."), monologue("333", "Hi.")])
    assert resolved(spoken, {}).content == "Ada Lovelace: Hello.\nSpeaker 2: Hi."


def test_a_turn_without_words_is_left_out() -> None:
    silent = [monologue(ADA, " "), {"speakerId": ADA, "sentences": None}, *TALK]
    assert len(alone(silent).segments) == 2


def test_sentences_that_are_no_text_are_left_out() -> None:
    odd = {"speakerId": ADA, "topic": None, "sentences": [{"text": None}, 5, {"text": "Hi."}]}
    (segment,) = alone([odd]).segments
    assert segment.metadata.keys() == {"speaker", "affiliation"}


@given(st.integers(0, 3600), st.integers(1, 600), st.sampled_from([1, 1000]))
def test_seconds_are_told_from_milliseconds_by_the_pace_of_speech(
    start: int, length: int, unit: int
) -> None:
    words = "word " * (3 * length)
    said = {"start": start * unit, "end": (start + length) * unit, "text": words}
    (segment,) = alone([{"speakerId": ADA, "topic": None, "sentences": [said]}]).segments
    assert segment.metadata["start_seconds"] == start
    assert segment.metadata["end_seconds"] == start + length


def test_a_transcript_inside_its_own_object_is_found() -> None:
    content = orjson.dumps([extensive() | {"transcript": {"transcript": TALK}}])
    assert len(records_in(PARSER, content)[1].segments) == 2


def test_a_speakers_own_marks_make_no_reference() -> None:
    record = alone([monologue(None, "\ue000gong:call:1\ue001x\ue002")])
    assert "gong:call:1" not in references_of(record)
