"""The laws of chunking records that have segments."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import chunking
from domain.chunking import ChunkLimits, chunk_record, estimate_tokens
from domain.models.chunks import Chunk
from domain.models.records import ContentType, Place, Record, Segment
from domain.packing import pack

SMALL = ChunkLimits(max_tokens=16, overlap_tokens=4)
WORDS = "one two three four five six seven eight nine ten"


@st.composite
def segmented(draw: st.DrawFn) -> Record:
    """A content of any kind with segments anywhere in it, some empty, some with gaps between."""
    content = draw(st.text(st.sampled_from("ab C1é한字。.!?-,\n \t😀"), max_size=400))
    places = sorted(draw(st.lists(st.integers(0, len(content)), max_size=20)))
    segments = (
        Segment(start, end, {"ordinal": number})
        for number, (start, end) in enumerate(zip(places[::2], places[1::2], strict=False))
    )
    return Record("x", "1", ContentType.TRANSCRIPT, content, Place(0, 1), segments=tuple(segments))


def turns(*texts: str, overlap: int = 0, size: int = 16) -> list[Chunk]:
    """Chunks of a transcript, a speaker a turn, a turn a line."""
    content = "".join(f"{text}\n" for text in texts)
    ends = [sum(len(text) + 1 for text in texts[: n + 1]) for n in range(len(texts))]
    segments = tuple(
        Segment(end - len(text) - 1, end - 1, {"speaker": f"S{n}", "start_seconds": n})
        for n, (text, end) in enumerate(zip(texts, ends, strict=True))
    )
    record = Record("x", "1", ContentType.TRANSCRIPT, content, Place(0, 1), segments=segments)
    return chunk_record(record, model="m", limits=ChunkLimits(size, overlap))


@settings(deadline=None)
@given(segmented())
def test_chunks_are_exact_slices_that_cover_the_whole_content(record: Record) -> None:
    found = chunk_record(record, model="m", limits=SMALL)
    if not record.content.strip():
        assert found == []
        return
    assert all(chunk.text == record.content[chunk.start : chunk.end] for chunk in found)
    assert (found[0].start, found[-1].end) == (0, len(record.content))
    assert all(left.start < right.start <= left.end < right.end for left, right in pairwise(found))
    assert found == chunk_record(record, model="m", limits=SMALL)


@settings(deadline=None)
@given(segmented())
def test_no_chunk_is_blank_or_larger_than_the_limit(record: Record) -> None:
    for chunk in chunk_record(record, model="m", limits=SMALL):
        assert chunk.text.strip()
        assert estimate_tokens(chunk.text) <= SMALL.max_tokens + 2


@settings(deadline=None)
@given(segmented())
def test_a_chunk_says_what_its_segments_say(record: Record) -> None:
    for chunk in chunk_record(record, model="m", limits=SMALL):
        inside = [
            segment.metadata["ordinal"]
            for segment in record.segments
            if segment.start < chunk.end and chunk.start < segment.end
        ]
        said = chunk.metadata.get("ordinal", [])
        assert set(inside) <= set(said if isinstance(said, list) else [said])


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 30), max_size=30), st.floats(1, 40), st.floats(0, 20))
def test_packing_takes_every_unit_in_order_and_only_what_there_is_room_for(
    costs: list[float], room: float, overlap: float
) -> None:
    ranges = list(pack(costs, room, overlap))
    assert sorted({n for first, past in ranges for n in range(first, past)}) == [*range(len(costs))]
    for first, past in ranges:
        assert past == first + 1 or sum(costs[first:past]) <= room * (1 + 1e-9)
    assert all(a[0] < b[0] <= a[1] < b[1] for a, b in pairwise(ranges))


def test_short_turns_share_a_chunk_that_names_their_speakers() -> None:
    (chunk,) = turns("hello there", "hi", "how are you")

    assert chunk.metadata == {"speaker": ["S0", "S1", "S2"], "start_seconds": 0}


def test_a_chunk_ends_where_a_turn_ends() -> None:
    first, second = turns("one two three four five six", WORDS)

    assert (first.text, second.text) == ("one two three four five six\n", f"{WORDS}\n")
    assert (first.metadata["speaker"], second.metadata["speaker"]) == ("S0", "S1")


def test_a_long_turn_is_cut_inside_and_shares_no_chunk() -> None:
    found = turns("hello there", f"{WORDS} {WORDS} {WORDS}", "bye now")

    assert len(found) > 3
    assert found[0].text == "hello there\n"
    assert found[-1].text == "bye now\n"
    assert {chunk.metadata["speaker"] for chunk in found[1:-1]} == {"S1"}


def test_neighbouring_chunks_share_whole_turns_only() -> None:
    first, second = turns(WORDS, "yes indeed", "eleven twelve thirteen", overlap=4)

    assert first.text.endswith("yes indeed\n")
    assert second.text.startswith("yes indeed\n")


def test_what_lies_before_a_segment_belongs_to_it() -> None:
    content = "Page 1\nalpha beta\nPage 2\ngamma delta"
    segments = (Segment(7, 17, {"page": 1}), Segment(25, 36, {"page": 2}))
    record = Record("x", "1", ContentType.DOCUMENT, content, Place(0, 1), segments=segments)

    borders = chunking._segment_borders(record)

    assert borders == [0, 18, 36]


def test_costs_are_those_of_the_whole_text_beyond_a_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunking, "WINDOW_CHARS", 10)

    before = chunking._tokens_before("a b c d e f g h", [0, 2, 10, 12, 15])

    assert before.tolist() == [0.0, 1.0, 5.0, 6.0, 8.0]
