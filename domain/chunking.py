"""How a record's content is cut into chunks that fit the model's window.

The content is seen as an array of code points. Each has an estimated cost in tokens, so that the
tokens between any two places are one subtraction, and each place between words has a border
level. A chunk reaches to the last border of the highest level in the second half of its room.

Where the record has segments, chunks end with them: short ones share a chunk, a long one is cut
as above.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from domain.models.chunks import Chunk, combined
from domain.models.ids import derive_chunk_id
from domain.models.records import JsonValue, Record, Segment
from domain.packing import pack

MIN_CHUNK_TOKENS = 16
WINDOW_CHARS = 1_000_000
"""Contents are read in windows of this size, so that memory stays bounded."""

_SPACE, _LETTER, _DIGIT, _MARK, _WIDE, _SYLLABLE = range(6)
_COSTS = np.array([0.0, 0.1, 0.45, 1.0, 1.0, 2.5])
"""Tokens per character of each class, fitted to the BERT word-piece vocabulary, on the high side.

It knows scripts other than Latin by single characters, and Hangul by the two or three letters of
a syllable.
"""
_WORD_START_COST = 1.0
_LONG_WORD_CHARS = 8
_LONG_WORD_COST = 0.4
"""Letters after the eighth: long words are rare, and ids and links fall into many pieces."""

_WORD, _SENTENCE, _LINE, _PARAGRAPH = range(4)
_SENTENCE_ENDS = np.array([ord(mark) for mark in ".!?…。！？｡"], dtype=np.uint32)
_CJK_SENTENCE_ENDS = np.array([ord(mark) for mark in "。！？｡"], dtype=np.uint32)

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """Sizes in estimated tokens.

    A title of up to a quarter of ``max_tokens`` comes on top, a longer one takes from the text's
    room; so 200 fits a model that reads 256. Neighbouring chunks share ``overlap_tokens``, of
    segments only whole ones.
    """

    max_tokens: int = 200
    overlap_tokens: int = 24

    def __post_init__(self) -> None:
        if self.max_tokens < MIN_CHUNK_TOKENS or self.overlap_tokens < 0:
            raise ValueError(f"a chunk has at least {MIN_CHUNK_TOKENS} tokens, an overlap 0")


def estimate_tokens(text: str) -> int:
    """About how many tokens a BERT-like model makes of the text, rather too many than too few."""
    whole = range(0, len(text), WINDOW_CHARS)
    return sum(round(_estimate(text[at : at + WINDOW_CHARS])) for at in whole)


def chunk_record(record: Record, *, model: str, limits: ChunkLimits) -> list[Chunk]:
    """Cut the content at segments' ends, else paragraph, line, sentence or word borders.

    The chunks cover the whole content in order, each overlapping the one before; a blank
    content has none. The same record always gives the same chunks. Time is linear.
    """
    content = record.content
    if not content.strip():
        return []
    room = room_of(limits, record.title)
    overlap = min(limits.overlap_tokens, room // 4)
    record_id = record.record_id
    spans = _segmented_spans if record.segments else _plain_spans
    return [
        Chunk(
            derive_chunk_id(record_id, position, model),
            record,
            position,
            content[start:end],
            start,
            end,
            _metadata_of(record.segments, start, end),
        )
        for position, (start, end) in enumerate(spans(record, room, overlap))
    ]


def room_of(limits: ChunkLimits, title: str | None) -> int:
    """Tokens that a chunk's text may have under ``title``."""
    title_tokens = estimate_tokens(title) if title else 0
    excess = max(0, title_tokens - limits.max_tokens // 4)
    return max(limits.max_tokens - excess, limits.max_tokens // 2)


def _plain_spans(record: Record, room: int, overlap: int) -> Iterator[tuple[int, int]]:
    return spans_of(record.content, room, overlap)


def _segmented_spans(record: Record, room: int, overlap: int) -> Iterator[tuple[int, int]]:
    """As many whole segments as there is room for; of one that is too long, its own spans."""
    borders = _segment_borders(record)
    costs: list[float] = np.diff(_tokens_before(record.content, borders)).tolist()
    for first, past in pack(costs, room, overlap):
        start, end = borders[first], borders[past]
        if costs[first] <= room:
            yield start, end
        else:
            for span_start, span_end in spans_of(record.content[start:end], room, overlap):
                yield start + span_start, start + span_end


def _segment_borders(record: Record) -> list[int]:
    """0, where each segment ends with the white space after it, the content's length.

    What lies before a segment belongs to it. No two borders have nothing but space between them.
    """
    content, borders = record.content, [0]
    for segment in record.segments:
        if content[borders[-1] : segment.end].strip():
            borders.append(_end_of_space(content, segment.end))
    if len(borders) > 1 and not content[borders[-1] :].strip():
        borders.pop()
    return [*borders, len(content)]


def _end_of_space(content: str, at: int) -> int:
    while at < len(content) and content[at].isspace():
        at += 1
    return at


def _tokens_before(content: str, places: Sequence[int]) -> NDArray[np.float64]:
    """The cost of what lies before each place, in order."""
    before = np.zeros(len(places))
    wanted = np.array(places)
    spent = 0.0
    for offset in range(0, len(content), WINDOW_CHARS):
        costs = np.cumsum(_costs(_classes(_codes(content[offset : offset + WINDOW_CHARS]))))
        here = (wanted > offset) & (wanted <= offset + WINDOW_CHARS)
        before[here] = spent + costs[wanted[here] - offset - 1]
        spent += float(costs[-1])
    return before


def _metadata_of(segments: Sequence[Segment], start: int, end: int) -> dict[str, JsonValue]:
    """What the segments say that share some of ``start``–``end``."""
    first = bisect_right(segments, start, key=lambda segment: segment.end)
    past = bisect_left(segments, end, key=lambda segment: segment.start)
    return combined(segment.metadata for segment in segments[first:past])


def spans_of(content: str, room: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Where a text's chunks lie, each overlapping the one before; none for an empty text."""
    # Window by window; a window's last span may be cut short, so the next window redoes it.
    # No ASCII character costs more than a token, so most messages need no closer look.
    if len(content) <= room and content.isascii():
        yield 0, len(content)
        return
    if len(content) <= WINDOW_CHARS and _estimate(content) <= room:
        yield 0, len(content)
        return
    offset = 0
    while True:
        window = content[offset : offset + WINDOW_CHARS]
        spans = list(_Text.of(window).spans(room, overlap))
        is_last = offset + len(window) >= len(content)
        done = spans if is_last or len(spans) == 1 else spans[:-1]
        yield from ((offset + start, offset + end) for start, end in done)
        if is_last:
            return
        offset += spans[-1][0] if len(spans) > 1 else spans[0][1]


@dataclass(frozen=True, slots=True)
class _Text:
    """A text with its costs summed up, and its borders in order with their levels.

    ``tokens[i]`` is the cost of the first ``i`` characters.
    """

    length: int
    tokens: NDArray[np.float64]
    borders: _Ints
    levels: _Ints

    @classmethod
    def of(cls, text: str) -> _Text:
        codes = _codes(text)
        classes = _classes(codes)
        tokens = np.concatenate(([0.0], np.cumsum(_costs(classes))))
        return cls(len(codes), tokens, *_borders(codes, classes == _SPACE))

    def spans(self, room: int, overlap: int) -> Iterator[tuple[int, int]]:
        start = 0
        while True:
            end = self._end(start, room)
            yield start, end
            if end == self.length:
                return
            start = self._next_start(end, overlap)

    def _end(self, start: int, room: int) -> int:
        limit = self.tokens[start] + room
        if self.tokens[-1] <= limit:
            return self.length
        hard = int(np.searchsorted(self.tokens, limit, side="right")) - 1
        low = int(np.searchsorted(self.tokens, self.tokens[start] + room / 2))
        first, past = np.searchsorted(self.borders, (low, hard + 1))
        if first == past:
            return max(hard, start + 1)
        levels = self.levels[first:past]
        best = np.flatnonzero(levels == levels.max())[-1]
        return int(self.borders[first + best])

    def _next_start(self, end: int, overlap: int) -> int:
        """The first border within the overlap; any place where there is none."""
        earliest = int(np.searchsorted(self.tokens, self.tokens[end] - overlap))
        at = int(np.searchsorted(self.borders, earliest))
        if at < len(self.borders) and self.borders[at] <= end:
            return int(self.borders[at])
        return min(earliest, end)


def _estimate(text: str) -> float:
    return float(_costs(_classes(_codes(text))).sum())


def _codes(text: str) -> NDArray[np.uint32]:
    """One number per character, so that places in it are places in the text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _classes(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    return _class_table()[np.minimum(codes, 0xFFFF)]


@cache
def _class_table() -> NDArray[np.uint8]:
    """The class of every character of the basic plane; its last place stands for the others."""
    table = np.array([_class_of(code) for code in range(0x10000)], dtype=np.uint8)
    table[0xFFFF] = _WIDE
    return table


def _class_of(code: int) -> int:
    character = chr(code)
    if character.isspace() or code < 0x20:
        return _SPACE
    if 0xAC00 <= code <= 0xD7A3:
        return _SYLLABLE
    if code >= 0x0370 and not 0x2000 <= code <= 0x206F:
        return _WIDE
    if character.isdigit():
        return _DIGIT
    return _LETTER if character.isalpha() else _MARK


def _costs(classes: NDArray[np.uint8]) -> NDArray[np.float64]:
    costs = _COSTS[classes]
    letters = classes == _LETTER
    places = np.arange(len(classes))
    since_word_start = places - np.maximum.accumulate(np.where(letters, -1, places))
    in_word = letters | (classes == _DIGIT)
    starts = in_word & ~np.concatenate(([False], in_word[:-1]))
    costs[letters & (since_word_start > _LONG_WORD_CHARS)] = _LONG_WORD_COST
    costs[starts] = _WORD_START_COST
    return costs


def _borders(codes: NDArray[np.uint32], spaces: _Bools) -> tuple[_Ints, _Ints]:
    """Every place where a word begins after white space or a CJK sentence mark, and its level."""
    if len(codes) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    places = np.arange(len(codes))
    after_space = spaces[:-1] & ~spaces[1:]
    after_mark = np.isin(codes[:-1], _CJK_SENTENCE_ENDS) & ~spaces[1:]
    borders = np.flatnonzero(after_space | after_mark) + 1
    last_seen = np.maximum.accumulate(np.where(spaces, -1, places))[borders - 1]
    newlines = np.concatenate(([0], np.cumsum(codes == ord("\n"))))
    breaks = newlines[borders] - newlines[last_seen + 1]
    ends_sentence = (last_seen >= 0) & np.isin(codes[last_seen], _SENTENCE_ENDS)
    levels = np.where(ends_sentence, _SENTENCE, _WORD)
    levels = np.where(breaks == 1, _LINE, levels)
    return borders, np.where(breaks >= 2, _PARAGRAPH, levels)
