"""Passages: what records that are too short to be found alone say together.

The members of a group, in order of time, are written one below the other as ``author: text``,
under a header that says where, who and when. A passage ends where the conversation pauses, where
other people may read it, or where the model's window is full. It depends on the set of members
alone, never on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from domain.chunking import ChunkLimits, estimate_tokens, room_of, spans_of
from domain.models.chunks import HEADING_END, Chunk, Member, combined
from domain.models.ids import GroupId, derive_chunk_id
from domain.models.records import Record
from domain.packing import pack
from domain.snippets import stems_of, wanted_words

MAX_PEOPLE = 6
_NO_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PassageLimits:
    """``max_tokens`` and ``overlap_tokens`` as of ``ChunkLimits``; only whole members overlap.

    Members that follow each other after more than ``gap_seconds`` share no passage, unless they
    are of one thread.
    """

    max_tokens: int = 200
    overlap_tokens: int = 24
    gap_seconds: float = 3600.0

    @classmethod
    def within(cls, limits: ChunkLimits) -> PassageLimits:
        """The default, as far as the model's window allows."""
        default = cls()
        return cls(
            min(default.max_tokens, limits.max_tokens),
            min(default.overlap_tokens, limits.overlap_tokens),
            default.gap_seconds,
        )

    @property
    def chunk(self) -> ChunkLimits:
        return ChunkLimits(self.max_tokens, self.overlap_tokens)


@dataclass(frozen=True, slots=True)
class _Line:
    """A member's ``content[start:end]`` as its passage shows it."""

    record: Record
    start: int
    end: int

    @property
    def prefix(self) -> str:
        return _prefix(self.record)

    @property
    def text(self) -> str:
        return self.prefix + self.record.content[self.start : self.end]


def compose(
    group_id: GroupId, members: Iterable[Record], *, model: str, limits: PassageLimits
) -> list[Chunk]:
    """The group's passages, numbered from 0, members in order of (time, native id).

    Every member whose content is not blank is whole in them; one that is too long for a passage
    is cut as a record is, and shares none. Members of different visibility share no passage.
    """
    ordered = sorted(members, key=lambda record: (record.timestamp or _NO_TIME, record.native_id))
    passages = [
        lines for burst in _bursts(ordered, limits.gap_seconds) for lines in _cut(burst, limits)
    ]
    return [_passage(group_id, position, lines, model) for position, lines in enumerate(passages)]


def best_member(text: str, members: Sequence[Member], query: str) -> Member:
    """The member of a passage's ``text`` that has most of the query's words; of several the first.

    There must be one member at least.
    """
    wanted = stems_of(query)

    def has(member: Member) -> int:
        return len({stem for _, _, stem in wanted_words(member.text_in(text), wanted)})

    return max(members, key=has)


def _bursts(ordered: Sequence[Record], gap_seconds: float) -> Iterator[list[Record]]:
    """Members that may share a passage: same readers, no long pause in between."""
    readers = sorted(ordered, key=_readers)
    for _, alike in groupby(readers, key=_readers):
        burst: list[Record] = []
        for record in alike:
            if not record.content.strip():
                continue
            if burst and _has_paused(burst[-1], record, gap_seconds):
                yield burst
                burst = []
            burst.append(record)
        if burst:
            yield burst


def _readers(record: Record) -> tuple[str, list[str]]:
    return record.content_type, sorted(record.visibility)


def _has_paused(left: Record, right: Record, gap_seconds: float) -> bool:
    if left.thread is not None and left.thread == right.thread:
        return False
    if left.timestamp is None or right.timestamp is None:
        return False
    return (right.timestamp - left.timestamp).total_seconds() > gap_seconds


def _cut(burst: Sequence[Record], limits: PassageLimits) -> Iterator[list[_Line]]:
    """As many whole members as there is room for under the burst's header."""
    room = room_of(limits.chunk, _header(burst))
    lines = [_Line(record, 0, len(record.content)) for record in burst]
    costs = [float(estimate_tokens(line.text)) for line in lines]
    overlap = min(limits.overlap_tokens, room // 4)
    for first, past in pack(costs, room, overlap):
        if costs[first] <= room:
            yield lines[first:past]
        else:
            yield from _pieces(lines[first], room, overlap)


def _pieces(line: _Line, room: int, overlap: int) -> Iterator[list[_Line]]:
    record = line.record
    left = max(room - estimate_tokens(line.prefix), room // 2)
    for start, end in spans_of(record.content, left, overlap):
        yield [_Line(record, start, end)]


def _passage(group_id: GroupId, position: int, lines: Sequence[_Line], model: str) -> Chunk:
    text, members = "", []
    for line in lines:
        text += "\n" if text else ""
        at = len(text) + len(line.prefix)
        members.append(Member(line.record.record_id, line.start, line.end, at))
        text += line.text
    record = _shared([line.record for line in lines], text)
    return Chunk(
        derive_chunk_id(group_id, position, model),
        record,
        position,
        text,
        0,
        len(text),
        members=tuple(members),
    )


def _shared(records: Sequence[Record], text: str) -> Record:
    """The first record, saying what is true of all."""
    authors = _people(records)
    return replace(
        records[0],
        content=text,
        title=_header(records),
        author=authors[0] if len(authors) == 1 else None,
        metadata=combined(record.metadata for record in records),
        segments=(),
    )


def _prefix(record: Record) -> str:
    return f"{record.author}: " if record.author else ""


def _header(records: Sequence[Record]) -> str:
    """Where, who and when: ``#sales · Ada, Bob · 2026-03-01``."""
    people = _people(records)
    shown = ", ".join(people[:MAX_PEOPLE]) + (" and others" if people[MAX_PEOPLE:] else "")
    parts = (records[0].title, shown, _days(records))
    return HEADING_END.join(part for part in parts if part)


def _people(records: Sequence[Record]) -> list[str]:
    """Who wrote them, in order of their first word."""
    return list(dict.fromkeys(record.author for record in records if record.author))


def _days(records: Sequence[Record]) -> str:
    days = [record.timestamp.date().isoformat() for record in records if record.timestamp]
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""
