"""The ports behind circuit breakers: the same methods, each call through its dependency's gate.

One mechanism serves all ports: ``guarded`` stands for an adapter and sends its calls through the
gate, whatever the method is: a coroutine, an asynchronous block, an asynchronous iteration.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar, cast

import numpy as np
import structlog
from numpy.typing import NDArray

from actors.breakers import Breakers, Dependency, Gate
from domain.breaker import Ticket
from domain.errors import CacheUnavailableError
from domain.ports.cache import Cache
from domain.ports.embedder import Embedder
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.ports.search_index import SearchIndex

log = structlog.get_logger(__name__)

Port = TypeVar("Port")

PASSED_BY = frozenset({"ping", "close", "wait", "watch", "refresh"})
"""Methods that ask nobody, or that have to be able to ask at any time. What needs no answer must
not count as one: it would close the breaker of a dependency that is still away."""

SEARCHES = {"search_vector", "search_keyword", "score_keyword", "newest"}
INDEX_READS = SEARCHES | {"count", "fetch"}
INDEX_WRITES = {"upsert", "delete", "reassign"}
OBJECT_CALLS = {"size", "delete"}
FILE_CALLS = {"create", "get", "find", "list", "describe", "dead_letters", "totals"}
QUEUE_CALLS = {"extend", "deleting", "stalled", "depth", "state"}
SLICE_CALLS = {"plan", "pending", "ledger", "progress", "staged", "complete"}
RECORD_CALLS = {"stage", "get", "versions_of", "thread", "count", "vector_count"}
GROUP_CALLS = {"stale", "count_stale"}
EVENT_CALLS = {"extend", "release", "handled", "generation", "lineage"}
HISTORY_CALLS = {"view", "similar", "forget", "prune"}
JOURNAL_CALLS = {"after", "latest", "dead", "prune", "counts"}
UPLOAD_CALLS = {"get", "note_parts", "forget", "expired", "unfinished"}
INDEXES_CALLS = {"active", "building", "list", "register", "request", "note_error"}
CONTENT_CALLS = {"outdated_records", "outdated_groups", "leftovers", "announce", "hold", "forget"}
"""Calls that their ports say may be made again, the answer to the first having been lost. What
takes something for itself (``claim``), starts something (``restart``) or streams is not here."""


def guarded(
    port: Port,
    gate: Gate,
    *,
    repeated: Collection[str] = (),
    seconds: Mapping[str, float] | None = None,
) -> Port:
    """``port`` with every call through ``gate``.

    ``repeated`` names the methods that are retried, ``seconds`` how long a method may take. A
    call that takes longer ends in the dependency's error, and counts.
    """
    return cast(Port, _Guarded(port, gate, frozenset(repeated), seconds or {}))


class _Guarded:
    """Wraps a method when it is first asked for. Properties are the adapter's own."""

    def __init__(
        self, port: Any, gate: Gate, repeated: frozenset[str], seconds: Mapping[str, float]
    ) -> None:
        self._port = port
        self._gate = gate
        self._repeated = repeated
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name in PASSED_BY or not callable(method):
            return method
        wrapped = self._wrap(name, method)
        self.__dict__[name] = wrapped
        return wrapped

    def _wrap(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        if not inspect.iscoroutinefunction(method):
            return _streaming(method, self._gate)
        if seconds := self._seconds.get(name):
            method = _within(method, seconds, self._gate)
        if name in self._repeated:
            return _repeating(method, self._gate)
        return _once(method, self._gate)


def _once(method: Callable[..., Any], gate: Gate) -> Callable[..., Any]:
    @wraps(method)
    async def call(*args: Any, **options: Any) -> Any:
        with gate.calling():
            return await method(*args, **options)

    return call


def _repeating(method: Callable[..., Any], gate: Gate) -> Callable[..., Any]:
    @wraps(method)
    async def call(*args: Any, **options: Any) -> Any:
        return await gate.repeating(lambda: method(*args, **options))

    return call


def _within(method: Callable[..., Any], seconds: float, gate: Gate) -> Callable[..., Any]:
    @wraps(method)
    async def call(*args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await method(*args, **options)
        except TimeoutError as error:
            raise gate.no_answer_in(seconds) from error

    return call


def _streaming(method: Callable[..., Any], gate: Gate) -> Callable[..., Any]:
    """For methods that return a block or an iteration; both begin later, when they are used."""

    @wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        returned = method(*args, **options)
        if isinstance(returned, AbstractAsyncContextManager):
            return _Block(returned, gate)
        if isinstance(returned, AsyncIterator):
            return _iteration(returned, gate)
        return returned

    return call


class _Block(AbstractAsyncContextManager[Any]):
    """A guarded block. Errors of the caller inside it are none of the dependency's."""

    def __init__(self, block: AbstractAsyncContextManager[Any], gate: Gate) -> None:
        self._block = block
        self._gate = gate
        self._ticket: Ticket | None = None

    async def __aenter__(self) -> Any:
        with self._gate.calling() as self._ticket:
            return await self._block.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        try:
            return await self._block.__aexit__(kind, error, trace)
        except BaseException as raised:
            if raised is not error and self._ticket is not None:
                self._gate.note_error(self._ticket, raised)
            raise


_END = object()


async def _iteration(items: AsyncIterator[Any], gate: Gate) -> AsyncIterator[Any]:
    """Each step is a call of its own; none is repeated."""
    try:
        while True:
            with gate.calling():
                item = await anext(items, _END)
            if item is _END:
                return
            yield item
    finally:
        if close := getattr(items, "aclose", None):
            await close()


class GuardedMetadataStore:
    """The store with each of its parts behind the same gate."""

    def __init__(self, store: MetadataStore, gate: Gate) -> None:
        self._store = store
        self.files = guarded(store.files, gate, repeated=FILE_CALLS)
        self.queue = guarded(store.queue, gate, repeated=QUEUE_CALLS)
        self.slices = guarded(store.slices, gate, repeated=SLICE_CALLS)
        self.records = guarded(store.records, gate, repeated=RECORD_CALLS)
        self.names = guarded(store.names, gate)
        self.linking = guarded(store.linking, gate)
        self.entities = guarded(store.entities, gate)
        self.groups = guarded(store.groups, gate, repeated=GROUP_CALLS)
        self.events = guarded(store.events, gate, repeated=EVENT_CALLS)
        self.journal = guarded(store.journal, gate, repeated=JOURNAL_CALLS)
        self.history = guarded(store.history, gate, repeated=HISTORY_CALLS)
        self.modules = guarded(store.modules, gate)
        self.full_text = guarded(store.full_text, gate)
        self.arriving = guarded(store.arriving, gate)
        self.identifiers = guarded(store.identifiers, gate)
        self.uploads = guarded(store.uploads, gate, repeated=UPLOAD_CALLS)
        self.indexes = guarded(store.indexes, gate, repeated=INDEXES_CALLS)
        self.contents = guarded(store.contents, gate, repeated=CONTENT_CALLS)
        self.reconciliation = guarded(store.reconciliation, gate)

    async def ping(self) -> None:
        await self._store.ping()

    async def close(self) -> None:
        await self._store.close()


class GuardedEmbedder:
    """An embedder behind a gate.

    It is not retried here: it blocks its caller, and waiting would hold up an event loop.
    """

    def __init__(self, embedder: Embedder, gate: Gate) -> None:
        self._embedder = embedder
        self._gate = gate

    @property
    def model(self) -> str:
        return self._embedder.model

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._gate.calling():
            return self._embedder.embed(texts)

    def close(self) -> None:
        self._embedder.close()


class GuardedCache:
    """A cache whose absence nobody notices but by the time that answers take.

    What it cannot give is absent, and what it cannot keep is not kept. Only ``delete`` fails when
    it is away: who deletes an entry must know whether it may come back.
    """

    def __init__(self, cache: Cache, gate: Gate) -> None:
        self._cache = cache
        self._gate = gate

    async def get(self, key: str) -> bytes | None:
        try:
            with self._gate.calling():
                return await self._cache.get(key)
        except CacheUnavailableError as error:
            log.debug("cache_passed_by", error=error.message)
            return None

    async def set(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        try:
            with self._gate.calling():
                await self._cache.set(key, value, ttl_seconds=ttl_seconds)
        except CacheUnavailableError as error:
            log.debug("cache_passed_by", error=error.message)

    async def delete(self, key: str) -> None:
        with self._gate.calling():
            await self._cache.delete(key)

    async def ping(self) -> None:
        await self._cache.ping()

    async def close(self) -> None:
        await self._cache.close()


def guard_metadata(store: MetadataStore, breakers: Breakers) -> MetadataStore:
    gate = breakers[Dependency.POSTGRES]
    gate.ping = store.ping
    return GuardedMetadataStore(store, gate)


def guard_objects(objects: ObjectStore, breakers: Breakers) -> ObjectStore:
    gate = breakers[Dependency.OBJECTS]
    gate.ping = objects.ping
    return guarded(objects, gate, repeated=OBJECT_CALLS)


def guard_index(index: SearchIndex, breakers: Breakers, *, search_seconds: float) -> SearchIndex:
    """The index as it is searched; a search that takes longer has failed."""
    seconds = dict.fromkeys(SEARCHES, search_seconds)
    gate = breakers[Dependency.INDEX]
    gate.ping = index.ping
    return guarded(index, gate, repeated=INDEX_READS, seconds=seconds)


def guard_index_writes(index: SearchIndex, breakers: Breakers) -> SearchIndex:
    """The index as its one writer uses it.

    Its ping reads, and so says nothing of writing: this breaker has none.
    """
    return guarded(index, breakers[Dependency.INDEX_WRITES], repeated=INDEX_WRITES)


def guard_cache(cache: Cache, breakers: Breakers) -> Cache:
    gate = breakers[Dependency.CACHE]
    gate.ping = cache.ping
    return GuardedCache(cache, gate)


def guard_embedder(embedder: Embedder, breakers: Breakers) -> Embedder:
    return GuardedEmbedder(embedder, breakers[Dependency.EMBEDDER])
