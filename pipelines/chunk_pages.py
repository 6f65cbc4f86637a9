"""The chunks that an index is to hold, made again from what the metadata store has confirmed.

Chunks are a function of records, cutting limits and model, so that they need not be carried from
index to index; only their vectors are, by id. What the metadata store and the index hold of one
chunk may be from two moments; the text tells.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

import orjson

from domain.chunking import ChunkLimits, chunk_record
from domain.models.chunks import Chunk
from domain.models.ids import FileId, GroupId, RecordId
from domain.models.records import StoredRecord
from domain.passages import PassageLimits, compose
from domain.ports.indexed_content import IndexedContent, StoredGroup


class Owners(StrEnum):
    """What the chunks of a page belong to; first come all records, then all groups."""

    RECORDS = "records"
    GROUPS = "groups"


@dataclass(frozen=True, slots=True)
class PageSizes:
    """How many owners a page has."""

    records: int = 1_000
    groups: int = 250


PAGE_SIZES = PageSizes()


@dataclass(frozen=True, slots=True)
class PageMark:
    """The end of a page: its number (from 1), and the last of its owners."""

    number: int
    owners: Owners
    last: UUID

    def to_text(self) -> str:
        return orjson.dumps([self.number, self.owners, str(self.last)]).decode()

    @classmethod
    def from_text(cls, text: str) -> PageMark:
        number, owners, last = orjson.loads(text)
        return cls(number, Owners(owners), UUID(last))


@dataclass(frozen=True, slots=True)
class OwnedChunk:
    """A chunk, its file, and the model whose vector it has."""

    chunk: Chunk
    file_id: FileId
    model: str


@dataclass(frozen=True, slots=True)
class ChunkPage:
    """Chunks of neighbouring owners, and owners that have another number of them than noted."""

    mark: PageMark
    chunks: Sequence[OwnedChunk]
    record_counts: Mapping[RecordId, int] = field(default_factory=dict)
    group_counts: Mapping[GroupId, int] = field(default_factory=dict)


async def chunk_pages(
    content: IndexedContent,
    limits: ChunkLimits,
    *,
    sizes: PageSizes = PAGE_SIZES,
    after: PageMark | None = None,
) -> AsyncIterator[ChunkPage]:
    """All chunks of confirmed contents. The same contents give the same pages."""
    number = after.number if after else 0
    if after is None or after.owners is Owners.RECORDS:
        last = after.last if after else None
        while stored := await content.records(
            after=RecordId(last) if last else None, limit=sizes.records
        ):
            number, last = number + 1, stored[-1].record_id
            yield _page_of_records(PageMark(number, Owners.RECORDS, last), stored, limits)
    last = after.last if after and after.owners is Owners.GROUPS else None
    while groups := await content.groups(after=GroupId(last) if last else None, limit=sizes.groups):
        number, last = number + 1, groups[-1].group_id
        yield _page_of_groups(PageMark(number, Owners.GROUPS, last), groups, limits)


def _page_of_records(
    mark: PageMark, page: Sequence[StoredRecord], limits: ChunkLimits
) -> ChunkPage:
    chunks: list[OwnedChunk] = []
    counts: dict[RecordId, int] = {}
    for stored in page:
        model = stored.embedding_model or ""
        cut = chunk_record(stored.record, model=model, limits=limits)
        chunks += [OwnedChunk(chunk, stored.file_id, model) for chunk in cut]
        if len(cut) != stored.chunk_count:
            counts[stored.record_id] = len(cut)
    return ChunkPage(mark, chunks, record_counts=counts)


def _page_of_groups(mark: PageMark, page: Sequence[StoredGroup], limits: ChunkLimits) -> ChunkPage:
    passage_limits = PassageLimits.within(limits)
    chunks: list[OwnedChunk] = []
    counts: dict[GroupId, int] = {}
    for group in page:
        model = group.embedding_model
        members = [stored.record for stored in group.members]
        files = {stored.record_id: stored.file_id for stored in group.members}
        passages = compose(group.group_id, members, model=model, limits=passage_limits)
        chunks += [OwnedChunk(one, files[one.record.record_id], model) for one in passages]
        if len(passages) != group.chunk_count:
            counts[group.group_id] = len(passages)
    return ChunkPage(mark, chunks, group_counts=counts)
