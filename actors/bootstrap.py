"""The composition root: settings in, wired services out. Nothing connects before it is asked."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from actors.active_index import (
    AbsentEmbedder,
    absent,
    check_model,
    collection_for,
    place_of,
    recipe_of,
    settings_for,
)
from actors.adapters.filesystem.object_store import FilesystemObjectStore
from actors.adapters.memory.cache import InMemoryCache
from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.onnx.prepare import MODEL_NAMES, open_prepared, precision_of
from actors.adapters.postgres.store import PostgresMetadataStore
from actors.adapters.sentence_transformers.embedder import SentenceTransformersEmbedder
from actors.adapters.system_clock import SystemClock
from actors.breakers import Breakers
from actors.guarded import (
    guard_cache,
    guard_embedder,
    guard_index,
    guard_metadata,
    guard_objects,
)
from actors.index_in_use import CurrentEmbedder, CurrentIndex, IndexInUse, Searched
from actors.modules.files import ModuleFiles
from actors.modules.following import FollowedParsers
from actors.settings import Settings
from actors.store_settings import CacheBackend, CacheSettings, ObjectBackend, SearchBackend
from domain.errors import FatalImportError, IndexUnavailableError, ModelUnavailableError
from domain.models.indexes import IndexPlace
from domain.ports.cache import Cache
from domain.ports.clock import Clock
from domain.ports.direct_uploads import DirectUploads
from domain.ports.embedder import Embedder
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.ports.search_index import SearchIndex


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the application layer stands on, in one process."""

    settings: Settings
    metadata: MetadataStore
    objects: ObjectStore
    index: SearchIndex
    cache: Cache
    embedder: Embedder
    clock: Clock
    direct: DirectUploads | None = None
    """Where clients may put files themselves; ``None`` if the object store has no such way."""
    breakers: Breakers = field(default_factory=lambda: Breakers(SystemClock()))
    in_use: IndexInUse | None = None
    """Where index and embedder may be changed; else they stay what they are."""

    def searched(self) -> tuple[SearchIndex, Embedder]:
        """The index and the model that belong together at this moment."""
        present = self.in_use.present if self.in_use else self
        return present.index, present.embedder

    async def follow_index(self) -> None:
        """Use the active index from now on. Raises ``RetryableError``."""
        if self.in_use:
            await self.in_use.follow(await self.metadata.indexes.active())


@asynccontextmanager
async def open_services(
    settings: Settings, *, embedder_sessions: int = 1, breakers: Breakers | None = None
) -> AsyncIterator[Services]:
    """Open every adapter that the settings name, and close them in reverse order.

    Every call to them passes ``breakers``, those of this process.

    Raises:
        StoreUnavailableError, IndexUnavailableError, ObjectStoreUnavailableError: with the fix.
        FatalImportError: a setting is missing or wrong; the message names it.
    """
    clock = SystemClock()
    breakers = breakers or open_breakers(settings)
    async with AsyncExitStack() as stack:
        metadata = await open_metadata(settings, breakers)
        stack.push_async_callback(metadata.close)
        objects = open_objects(settings)
        stack.push_async_callback(objects.close)
        direct = open_direct_uploads(settings)
        if direct is not None:
            stack.push_async_callback(direct.close)
        active = await ensure_active_index(settings, metadata)
        in_use = IndexInUse(
            await open_searched(settings, active, breakers, sessions=embedder_sessions),
            open_other=lambda place: open_other(settings, place, breakers),
            clock=clock,
        )
        stack.push_async_callback(in_use.close)
        cache = open_cache(settings, clock)
        stack.push_async_callback(cache.close)
        yield Services(
            settings,
            metadata,
            guard_objects(objects, breakers),
            CurrentIndex(in_use),
            guard_cache(cache, breakers),
            CurrentEmbedder(in_use),
            clock,
            direct,
            breakers,
            in_use,
        )


def open_breakers(settings: Settings) -> Breakers:
    """The circuit breakers of a process; each has its own."""
    return Breakers(SystemClock(), settings.breaker, settings.retry)


def _search_seconds(settings: Settings) -> float:
    """A little less than a leg may take: the breaker has to see that a search was too slow."""
    return 0.9 * settings.search.leg_deadline_seconds


async def open_metadata(settings: Settings, breakers: Breakers | None = None) -> MetadataStore:
    """The metadata store; needs ``HEADRACE_POSTGRES__DSN``, which ``headrace up`` sets.

    Behind the process's breakers, or behind one of its own.
    """
    postgres = settings.postgres
    dsn = postgres.dsn
    if dsn is None:
        raise FatalImportError(
            "no PostgreSQL is named: start the service with 'headrace up', "
            "or set HEADRACE_POSTGRES__DSN"
        )
    store = await PostgresMetadataStore.open(
        dsn.get_secret_value(),
        pool_max_size=postgres.pool_max_size,
        statement_timeout_seconds=postgres.statement_timeout_seconds,
        connect_timeout_seconds=postgres.connect_timeout_seconds,
        statement_cache_size=postgres.statement_cache_size,
        listen_dsn=postgres.direct_dsn.get_secret_value() if postgres.direct_dsn else None,
    )
    return guard_metadata(store, breakers or open_breakers(settings))


def open_cache(settings: Settings, clock: Clock) -> Cache:
    """The cache that the settings name; it connects when it is first used, if ever it can.

    Raises:
        FatalImportError: Redis without a URL, or with one that cannot be read.
    """
    cache = settings.cache
    match cache.backend:
        case CacheBackend.MEMORY:
            return InMemoryCache(clock=clock)
        case CacheBackend.REDIS:
            return _open_redis(cache)
        case _:
            assert_never(cache.backend)


def answer_caches(services: Services) -> Sequence[Cache]:
    """Where answers are kept, the nearest first; nowhere where they are to live no time."""
    cache = services.settings.cache
    if cache.ttl_seconds <= 0:
        return ()
    if cache.backend is CacheBackend.MEMORY:
        return (services.cache,)
    return (InMemoryCache(clock=services.clock), services.cache)


def _open_redis(cache: CacheSettings) -> Cache:
    # Imported here, as only some services have a Redis.
    from actors.adapters.redis.cache import RedisCache, RedisOptions

    if cache.url is None:
        raise FatalImportError("no Redis is named: set HEADRACE_CACHE__URL")
    return RedisCache(
        RedisOptions(
            url=cache.url.get_secret_value(),
            username=cache.username,
            password=cache.password.get_secret_value() if cache.password else None,
            ca_file=cache.ca_file,
            prefix=cache.prefix,
            connect_timeout_seconds=cache.connect_timeout_seconds,
            operation_timeout_seconds=cache.operation_timeout_seconds,
            pool_max_size=cache.pool_max_size,
        )
    )


def open_objects(settings: Settings) -> ObjectStore:
    """The object store that the settings name; whether it answers is seen by its first use."""
    match settings.objects.backend:
        case ObjectBackend.FILESYSTEM:
            return FilesystemObjectStore(settings.objects_dir)
        case ObjectBackend.S3:
            # Imported here, as it takes a third of a second, and the embedded profile has none.
            from actors.adapters.s3.object_store import S3ObjectStore

            return S3ObjectStore(settings.objects.s3)
        case unknown:
            assert_never(unknown)


def open_direct_uploads(settings: Settings) -> DirectUploads | None:
    """The way by which clients put files into the object store themselves, if it has one."""
    if settings.objects.backend is not ObjectBackend.S3:
        return None
    from actors.adapters.s3.direct_uploads import S3DirectUploads

    return S3DirectUploads(settings.objects.s3)


def followed_parsers(settings: Settings, metadata: MetadataStore) -> FollowedParsers:
    """The parsers of this process: the built-in ones, and the modules that are in use."""
    return FollowedParsers(metadata.modules, ModuleFiles(settings.modules_dir))


async def ensure_active_index(settings: Settings, metadata: MetadataStore) -> IndexPlace:
    """The active index; at the first start that of the model which the settings name.

    Raises:
        FatalImportError: as ``open_embedder``, at the first start.
        DimensionMismatchError, IndexUnavailableError: at the first start, the index cannot be used
            with that model. Nothing is registered then, so that other settings can be tried.
    """
    if active := await metadata.indexes.active():
        return active
    embedder = await asyncio.to_thread(open_embedder, settings)
    try:
        place = place_of(embedder, recipe_of(settings.embedder), is_first=True)
        index = await open_index(settings, dimension=place.dimension, location=place.location)
        await index.close()
        return await metadata.indexes.register(place)
    finally:
        embedder.close()


async def open_searched(
    settings: Settings, place: IndexPlace, breakers: Breakers, *, sessions: int = 1
) -> Searched:
    """An index and its model. Without the model, which may be gone, words still find."""
    index = await open_index(settings, dimension=place.dimension, location=place.location)
    embedder: Embedder
    try:
        embedder = await asyncio.to_thread(open_model, settings, place, sessions=sessions)
    except (FatalImportError, ModelUnavailableError) as error:
        if recipe_of(settings.embedder) == place.recipe and isinstance(error, FatalImportError):
            await index.close()
            raise
        embedder = AbsentEmbedder(place, error)
    return _guarded(settings, Searched(place, index, embedder), breakers)


async def open_other(settings: Settings, place: IndexPlace, breakers: Breakers) -> Searched:
    """As ``open_searched``, with the model or not at all. Raises ``ModelUnavailableError``."""
    try:
        embedder = await asyncio.to_thread(open_model, settings, place)
    except FatalImportError as error:
        raise absent(place, error) from error
    index = await open_index(settings, dimension=place.dimension, location=place.location)
    return _guarded(settings, Searched(place, index, embedder), breakers)


def _guarded(settings: Settings, searched: Searched, breakers: Breakers) -> Searched:
    return Searched(
        searched.place,
        guard_index(searched.index, breakers, search_seconds=_search_seconds(settings)),
        guard_embedder(searched.embedder, breakers),
    )


def open_model(settings: Settings, place: IndexPlace, *, sessions: int = 1) -> Embedder:
    """The model that an index was made with.

    Raises:
        FatalImportError: as ``open_embedder``.
        ModelUnavailableError: where it was, there is another by now.
    """
    embedder = open_embedder(settings_for(settings, place.recipe), sessions=sessions)
    try:
        check_model(embedder, place)
    except ModelUnavailableError:
        embedder.close()
        raise
    return embedder


async def open_index(settings: Settings, *, dimension: int, location: str = "") -> SearchIndex:
    """A search index as this process reads it. Only the index writer may write to it.

    Raises:
        DimensionMismatchError, IndexUnavailableError: with the fix.
    """
    match settings.search.backend:
        # Imported here, as some take more than a second, and most processes search nothing.
        case SearchBackend.TANTIVY:
            from actors.adapters.tantivy_faiss.index import TantivySearchIndex

            directory = tantivy_directory(settings, location)
            _refuse_former_index(directory)
            return await TantivySearchIndex.open(directory, dimension=dimension)
        case SearchBackend.WEAVIATE:
            from actors.adapters.weaviate.index import WeaviateSearchIndex

            weaviate = collection_for(settings.weaviate, location)
            return await WeaviateSearchIndex.open(weaviate, dimension=dimension)


def tantivy_directory(settings: Settings, location: str) -> Path:
    """Where an index in the data directory lies."""
    return settings.index_dir / location / "tantivy"


def _refuse_former_index(directory: Path) -> None:
    """Where only an index of LanceDB lies, a fresh one beside it would look as if all were lost."""
    former = directory.parent / "chunks.lance"
    if former.exists() and not directory.exists():
        raise IndexUnavailableError(
            f"the search index {former} is of LanceDB, which this version does not read: move that "
            "directory away, start the service and run 'headrace verify --repair', which fills a "
            "new index",
            directory=str(former),
        )


async def drop_index(settings: Settings, location: str) -> None:
    """Remove an index that is no longer used; absent is no error. It must not be open."""
    match settings.search.backend:
        case SearchBackend.TANTIVY:
            directory = tantivy_directory(settings, location)
            # The first index lies beside the directories of the others.
            gone = directory.parent if location else directory
            await asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)
        case SearchBackend.WEAVIATE:
            from actors.adapters.weaviate.dropping import drop_collection

            await drop_collection(collection_for(settings.weaviate, location))


def open_embedder(settings: Settings, *, sessions: int = 1) -> Embedder:
    """The embedder that the settings name, its model loaded.

    Raises:
        FatalImportError: an unknown backend, or a model that was not prepared.
    """
    match settings.embedder.used_backend:
        case "onnx" | "openvino" as backend:
            precision = precision_of(backend)
            model_dir = settings.model_dir / MODEL_NAMES[precision]
            return open_prepared(model_dir, precision, sessions=sessions)
        case "sentence-transformers":
            return SentenceTransformersEmbedder(
                settings.embedder.sentence_transformers_model, device=settings.embedder.device
            )
        case "hash":
            return HashEmbedder(dimension=settings.embedder.hash_dimension)
        case unknown:
            raise FatalImportError(
                f"HEADRACE_EMBEDDER__BACKEND is {unknown!r}; "
                "choose auto, openvino, onnx, sentence-transformers or hash"
            )
