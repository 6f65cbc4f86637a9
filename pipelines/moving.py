"""Moves everything that a metadata store, an object store and an index hold to other stores.

The parts go in this order: rows, objects, chunks. Each may be interrupted anywhere and taken up
again; how far it is lies in the target's database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from domain.chunking import ChunkLimits
from domain.errors import ConflictError, NotFoundError
from domain.models.ids import FileId
from domain.ports.embedder import Embedder
from domain.ports.indexed_content import IndexedContent
from domain.ports.metadata_store import MetadataStore
from domain.ports.moving import (
    INDEX_PART,
    TO_BE_EMPTIED,
    NamedObject,
    Origin,
    RowSink,
    RowSource,
)
from domain.ports.object_store import ObjectStore
from domain.ports.search_index import SearchIndex
from pipelines.chunk_pages import PAGE_SIZES, PageMark, PageSizes
from pipelines.filling import Filled, IndexFiller, VectorSource
from pipelines.verifying import verify

OBJECTS_AT_ONCE = 8

OnStep = Callable[[str, int, int], None]
"""Told the step, how much of it is done, and of how much (0 where unknown)."""


def silently(step: str, done: int, total: int) -> None: ...


class MovedStore(RowSink, Protocol):
    """The database that is filled, as ``actors.adapters.postgres.moved_database`` has it."""

    @property
    def content(self) -> IndexedContent: ...

    async def begin(self, origin: Origin, *, start_over: bool = False) -> None: ...

    async def progress(self) -> Mapping[str, str]: ...

    async def keep(self, part: str, cursor: str) -> None: ...

    async def settle(self, sequences: Mapping[str, int], deleted: Sequence[FileId]) -> None: ...

    async def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Load:
    """What is moved. ``deleted`` are files that went, though their rows do not say so."""

    rows: RowSource
    objects: ObjectStore
    vectors: VectorSource
    limits: ChunkLimits
    models: frozenset[str]
    sizes: PageSizes = PAGE_SIZES
    deleted: Sequence[FileId] = ()


class Stores(Protocol):
    """The stores beside the database, as ``actors.bootstrap`` opens them."""

    @property
    def metadata(self) -> MetadataStore: ...
    @property
    def objects(self) -> ObjectStore: ...
    @property
    def index(self) -> SearchIndex: ...
    @property
    def embedder(self) -> Embedder: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is moved to. The stores are opened once the database is whole."""

    database: MovedStore
    open_stores: Callable[[], AbstractAsyncContextManager[Stores]]


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What was moved in this run, and what disagrees at the end of it."""

    rows: int
    objects: int
    filled: Filled
    problems: Sequence[str]


async def move(
    load: Load, place: Place, *, start_over: bool = False, on_step: OnStep = silently
) -> MoveReport:
    """Move the load to its place, or go on with it, and verify the place.

    ``start_over`` empties what an unfinished move has half filled, and nothing else.

    Raises:
        ConflictError: the place is not empty, or its embedder is another.
        RetryableError: a store gave no answer; call again.
    """
    origin = await load.rows.origin()
    database = place.database
    await database.begin(origin, start_over=start_over)
    progress = await database.progress()
    rows = await _copy_rows(load.rows, origin, database, progress, on_step)
    await database.settle(origin.sequences, load.deleted)
    async with place.open_stores() as stores:
        refuse_other_model(load.models, stores.embedder)
        await _begin_index(database, stores.index, progress.get(INDEX_PART))
        copied, _ = await copy_objects(
            origin.objects, load.objects, stores.objects, on_step=on_step
        )
        filled = await _fill_index(load, database, stores, on_step)
        await stores.metadata.events.bump_generation()
        await database.finish()
        on_step("verify", 0, 0)
        problems = await verify(stores.metadata, stores.index, stores.objects)
    return MoveReport(rows, copied, filled, problems)


def refuse_other_model(models: frozenset[str], embedder: Embedder) -> None:
    """Raises ``ConflictError`` unless the embedder's model is among these, if there are any."""
    if models and embedder.model not in models:
        raise ConflictError(
            f"the chunks were embedded by {', '.join(sorted(models))}, and the target's embedder "
            f"is {embedder.model}: set HEADRACE_EMBEDDER__… of the target as at the source"
        )


async def _begin_index(database: MovedStore, index: SearchIndex, cursor: str | None) -> None:
    """Make sure that all which the index will hold is what this move brings."""
    if cursor == TO_BE_EMPTIED:
        async for chunk_ids in index.chunk_ids():
            await index.delete(chunk_ids)
    elif cursor is not None:
        return
    elif count := await index.count():
        raise ConflictError(
            f"the target's search index holds {count:,} chunks already: name an empty one"
        )
    await database.keep(INDEX_PART, "")


async def copy_objects(
    objects: Sequence[NamedObject],
    source: ObjectStore,
    target: ObjectStore,
    *,
    on_step: OnStep = silently,
) -> tuple[int, list[NamedObject]]:
    """Copy what is not there yet; returns how many that were, and what the source has not."""
    copied, lost = 0, []
    for start in range(0, len(objects), OBJECTS_AT_ONCE):
        some = objects[start : start + OBJECTS_AT_ONCE]
        outcomes = await asyncio.gather(*(_copy_object(one, source, target) for one in some))
        copied += outcomes.count(True)
        lost += [one for one, outcome in zip(some, outcomes, strict=True) if outcome is None]
        on_step("objects", start + len(some), len(objects))
    return copied, lost


async def _copy_object(named: NamedObject, source: ObjectStore, target: ObjectStore) -> bool | None:
    """Whether it was copied, rather than there already; ``None`` if the source has it no more.

    The object store names what it stores by its content, so that a wrong byte shows.
    """
    try:
        if await target.size(named.key) == named.size_bytes:
            return False
    except NotFoundError:
        pass
    try:
        stored = await target.store(source.retrieve(named.key))
    except NotFoundError:
        return None
    if stored.key != named.key:
        await target.delete(stored.key)
        raise ConflictError(
            f"the bytes of file {named.file_ids[0]} are not those that were uploaded: bring back "
            "the object from a backup, or delete the file, then try again",
            key=named.key,
        )
    return True


async def _copy_rows(
    source: RowSource,
    origin: Origin,
    sink: RowSink,
    progress: Mapping[str, str],
    on_step: OnStep,
) -> int:
    rows = 0
    for number, table in enumerate(origin.tables, start=1):
        async for page in source.pages(table, after=progress.get(table.name)):
            await sink.append(page)
            rows += page.rows
        on_step("tables", number, len(origin.tables))
    return rows


async def _fill_index(load: Load, database: MovedStore, stores: Stores, on_step: OnStep) -> Filled:
    filler = IndexFiller(
        database.content,
        stores.index,
        stores.embedder,
        load.vectors,
        limits=load.limits,
        sizes=load.sizes,
    )

    async def keep(mark: PageMark, filled: Filled) -> None:
        await database.keep(INDEX_PART, mark.to_text())
        on_step("chunks", filled.chunks, 0)

    mark = (await database.progress())[INDEX_PART]
    return await filler.run(PageMark.from_text(mark) if mark else None, on_page=keep)
