"""WebVTT and SubRip transcripts."""

from __future__ import annotations

import pytest

from domain.errors import UnreadableFileError
from domain.models.records import ContentType, DroppedItem
from domain.parsers.captions import CaptionParser
from tests.builders import described, items_in, records_in

PARSER = CaptionParser()
VTT = b"""WEBVTT

NOTE made by a machine

STYLE
::cue { color: red }

1
00:00:01.000 --> 00:00:04.500 align:start
<v Ann Lee>Hello, <b>everybody</b>.

00:05.000 --> 00:07.250
<v Ann Lee>Let us begin.

00:07.250 --> 00:09.000
<v Bo>Fine &amp; good.</v>
<v Ann Lee>Well.
"""
SRT = (
    b"1\r\n00:00:01,000 --> 00:00:02,000\r\nAnn: one\r\n\r\n"
    b"2\r\n00:00:02,500 --> 01:00:03,5\r\ntwo\r\n"
)


def test_the_turns_of_a_transcript_are_segments_with_speaker_and_times() -> None:
    (record,) = records_in(PARSER, VTT)
    assert [segment.metadata for segment in record.segments] == [
        {"speaker": "Ann Lee", "start_seconds": 1.0, "end_seconds": 7.25},
        {"speaker": "Bo", "start_seconds": 7.25, "end_seconds": 9.0},
        {"speaker": "Ann Lee", "start_seconds": 7.25, "end_seconds": 9.0},
    ]


def test_the_text_of_a_transcript_names_who_speaks() -> None:
    (record,) = records_in(PARSER, VTT, filename="calls/monday.vtt")
    assert record.content.splitlines()[:2] == [
        "Ann Lee: Hello, everybody. Let us begin.",
        "Bo: Fine & good.",
    ]
    assert (record.title, record.content_type) == ("monday", ContentType.TRANSCRIPT)
    assert record.metadata["speakers"] == ["Ann Lee", "Bo"]


def test_a_name_before_a_colon_is_the_speaker_until_another_is_named() -> None:
    (record,) = records_in(PARSER, SRT)
    assert record.content == "Ann: one two"
    assert record.metadata["duration_seconds"] == 3603.5


def test_a_long_pause_begins_another_turn() -> None:
    content = b"WEBVTT\n\n00:01.000 --> 00:02.000\na\n\n00:30.000 --> 00:31.000\nb\n"
    (record,) = records_in(PARSER, content)
    assert [s.metadata["start_seconds"] for s in record.segments] == [1.0, 30.0]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_transcript_in_another_encoding_is_read_alike(encoding: str) -> None:
    (record,) = records_in(PARSER, SRT.decode().encode(encoding))
    assert record.content == "Ann: one two"


def test_a_transcript_without_cues_is_dropped_by_name() -> None:
    assert [type(item) for item in items_in(PARSER, b"WEBVTT\n\nNOTE nothing\n")] == [DroppedItem]


def test_another_text_is_no_transcript() -> None:
    with pytest.raises(UnreadableFileError, match="no WebVTT"):
        described(PARSER, b"1\nhello\n")
