"""The laws of chunking."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.chunking import WINDOW_CHARS, ChunkLimits, chunk_record, estimate_tokens
from domain.models.chunks import Chunk
from domain.models.records import ContentType, Place, Record

SMALL = ChunkLimits(max_tokens=16, overlap_tokens=4)
TEXTS = st.text(st.sampled_from("ab C1é한字。.!?-,\n \t😀"), max_size=600)


def record(content: str, title: str | None = None) -> Record:
    return Record("json", "1", ContentType.RECORD, content, Place(0, 1), title=title)


def chunks(content: str, limits: ChunkLimits = SMALL, title: str | None = None) -> list[Chunk]:
    return chunk_record(record(content, title), model="m", limits=limits)


@given(TEXTS)
def test_chunks_are_exact_slices_that_cover_the_whole_content(content: str) -> None:
    found = chunks(content)
    if not content.strip():
        assert found == []
        return
    assert all(chunk.text == content[chunk.start : chunk.end] for chunk in found)
    assert (found[0].start, found[-1].end) == (0, len(content))
    assert all(left.start < right.start <= left.end < right.end for left, right in pairwise(found))


@given(TEXTS, st.integers(16, 60), st.integers(0, 80))
def test_no_chunk_is_blank_or_larger_than_the_limit(content: str, size: int, overlap: int) -> None:
    for chunk in chunks(content, ChunkLimits(size, overlap)):
        assert chunk.text.strip()
        # Half a token of rounding, and a cut inside a word begins a new one.
        assert estimate_tokens(chunk.text) <= size + 2


@given(TEXTS, st.text(max_size=80))
def test_the_same_record_always_gives_the_same_chunks(content: str, title: str) -> None:
    assert chunks(content, title=title) == chunks(content, title=title)


@given(TEXTS)
def test_positions_count_from_zero_and_ids_differ(content: str) -> None:
    found = chunks(content)
    assert [chunk.position for chunk in found] == list(range(len(found)))
    assert len({chunk.chunk_id for chunk in found}) == len(found)


def test_a_content_within_the_limit_is_one_chunk() -> None:
    assert len(chunks("word " * 100, ChunkLimits())) == 1


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (
            "one two three four five six seven.\n\nA b. C\nd",
            "one two three four five six seven.\n\n",
        ),
        ("one two three four five six. seven eight nine ten", "one two three four five six. "),
        ("one two three four five six seven\na b. C", "one two three four five six seven\n"),
        ("一二三四五六七八九。一二三四五六七八九十。", "一二三四五六七八九。"),
    ],
    ids=["paragraph", "sentence", "line", "cjk-sentence"],
)
def test_a_cut_prefers_the_highest_border(content: str, first: str) -> None:
    text = chunks(content + " one two three four five six", SMALL)[0].text
    assert text == first


def test_neighbours_overlap_by_whole_words() -> None:
    words = " ".join(f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    for left, right in pairwise(chunks(words)):
        assert right.start < left.end
        assert right.text.startswith("word")


def test_a_long_title_takes_from_the_room_of_the_text() -> None:
    content = "word " * 300
    assert len(chunks(content, ChunkLimits(), "title " * 150)) > len(chunks(content, ChunkLimits()))


@pytest.mark.parametrize("unit", ["a", "。", "한", "\n", " x", "\n ", "1", "😀"])
@pytest.mark.timeout(20)
def test_a_pathological_megabyte_is_cut_in_linear_time(unit: str) -> None:
    content = (unit * (WINDOW_CHARS // len(unit)) * 2) + "end"
    found = chunks(content, ChunkLimits())
    assert (found[0].start, found[-1].end) == (0, len(content))
    assert all(left.start < right.start <= left.end < right.end for left, right in pairwise(found))


def test_windows_join_without_a_seam() -> None:
    content = "some words here. " * (2 * WINDOW_CHARS // 17 + 10)
    found = chunks(content, ChunkLimits())
    assert all(chunk.text.startswith(("some", "words", "here")) for chunk in found)


@pytest.mark.parametrize("limits", [(15, 0), (200, -1)])
def test_impossible_limits_are_refused(limits: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="chunk"):
        ChunkLimits(*limits)


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_estimates_grow_with_the_text(left: str, right: str) -> None:
    assert estimate_tokens(left + right) >= estimate_tokens(left) - 1


def test_estimates_are_near_what_the_model_counts() -> None:
    assert estimate_tokens("the customer signed the contract yesterday") in range(6, 12)
    assert estimate_tokens("我们明天签合同") == 7
    assert estimate_tokens("") == 0
