"""What only Weaviate can get wrong: collections of others, several writers, lost servers."""

from __future__ import annotations

import asyncio
from uuid import NAMESPACE_OID, UUID, uuid5

import numpy as np
import pytest
from pydantic import SecretStr

from actors.adapters.weaviate.collection import SCHEMA_VERSION
from actors.adapters.weaviate.connection import connect
from actors.adapters.weaviate.index import WeaviateSearchIndex
from actors.store_settings import Vectorizer, WeaviateSettings
from domain.errors import DimensionMismatchError, IndexUnavailableError
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import SearchFilter
from tests.fake_openai import KEY, fake_openai
from tests.weaviate_server import dropped_afterwards, fresh_index, weaviate_settings

pytestmark = pytest.mark.external_service

DIMENSION = 8
FILE = FileId(uuid5(NAMESPACE_OID, "file"))
OTHER_FILE = FileId(uuid5(NAMESPACE_OID, "other file"))


def embedded(text: str, *, position: int = 0, **fields: object) -> EmbeddedChunk:
    values = {
        "source_type": "csv",
        "native_id": text,
        "content_type": ContentType.RECORD,
        "content": text,
        "place": Place(0, len(text)),
    }
    record = Record(**{**values, **fields})
    chunk_id = derive_chunk_id(record.record_id, position, "test")
    vector = np.random.default_rng(len(text) + position).standard_normal(DIMENSION)
    unit = (vector / np.linalg.norm(vector)).astype(np.float32)
    return EmbeddedChunk(Chunk(chunk_id, record, position, text, 0, len(text)), FILE, unit)


async def all_ids(index: WeaviateSearchIndex) -> list[UUID]:
    return [chunk_id async for page in index.chunk_ids() for chunk_id in page]


async def test_an_index_of_another_dimension_is_refused_and_left_as_it_is() -> None:
    settings = weaviate_settings()
    async with dropped_afterwards(settings):
        first = await WeaviateSearchIndex.open(settings, dimension=DIMENSION)
        with pytest.raises(DimensionMismatchError, match="HEADRACE_WEAVIATE__COLLECTION"):
            await WeaviateSearchIndex.open(settings, dimension=5)
        await first.upsert([embedded("pump")])
        assert await first.count() == 1
        await first.close()


async def test_a_collection_of_somebody_else_is_refused() -> None:
    settings = weaviate_settings()
    async with dropped_afterwards(settings):
        client = await connect(settings)
        await client.collections.create(settings.collection)
        await client.close()
        with pytest.raises(IndexUnavailableError, match="HEADRACE_WEAVIATE__COLLECTION"):
            await WeaviateSearchIndex.open(settings, dimension=DIMENSION)


async def test_a_collection_with_other_words_is_refused_with_the_way_to_a_new_one() -> None:
    settings = weaviate_settings()
    async with dropped_afterwards(settings):
        await (await WeaviateSearchIndex.open(settings, dimension=DIMENSION)).close()
        await mark_as_of_schema_2(settings)
        with pytest.raises(IndexUnavailableError, match=r"new name.* 'headrace verify --repair'"):
            await WeaviateSearchIndex.open(settings, dimension=DIMENSION)


async def mark_as_of_schema_2(settings: WeaviateSettings) -> None:
    client = await connect(settings)
    collection = client.collections.use(settings.collection)
    described = (await collection.config.get()).description or ""
    await collection.config.update(
        description=described.replace(f"schema {SCHEMA_VERSION}", "schema 2")
    )
    await client.close()


async def test_processes_that_open_a_new_index_at_once_share_it() -> None:
    settings = weaviate_settings()
    async with dropped_afterwards(settings):
        opening = [WeaviateSearchIndex.open(settings, dimension=DIMENSION) for _ in range(4)]
        opened = await asyncio.gather(*opening)
        for n, each in enumerate(opened):
            await each.upsert([embedded(f"pump {n}")])
        assert [await each.count() for each in opened] == [4] * 4
        for each in opened:
            await each.close()


async def test_a_collection_that_is_dropped_is_not_made_anew_by_a_write() -> None:
    async with fresh_index(DIMENSION) as index:
        settings = index.settings
        client = await connect(settings)
        await client.collections.delete(settings.collection)
        with pytest.raises(IndexUnavailableError, match="replay the files"):
            await index.upsert([embedded("pump")])
        assert not await client.collections.exists(settings.collection)
        await client.close()


async def test_more_chunks_than_a_message_carries_are_all_stored_and_listed() -> None:
    chunks = [embedded(f"pump {n}") for n in range(2_300)]
    async with fresh_index(DIMENSION) as index:
        await index.upsert(chunks)
        assert sorted(await all_ids(index)) == sorted(each.chunk.chunk_id for each in chunks)


async def test_more_chunks_than_a_page_are_all_reassigned() -> None:
    parts = [embedded("pump", position=n) for n in range(1_100)]
    async with fresh_index(DIMENSION) as index:
        await index.upsert(parts)
        await index.reassign([parts[0].chunk.record.record_id], OTHER_FILE)
        found = await index.search_keyword("pump", limit=2_000, where=SearchFilter())
        assert {match.read().file_id for match in found} == {OTHER_FILE}
        assert len(found) == 1_100


async def test_filters_tell_labels_apart_that_differ_in_spaces_or_case() -> None:
    async with fresh_index(DIMENSION) as index:
        await index.upsert(
            [
                embedded("pump a", metadata={"team": "Ops"}),
                embedded("pump b", metadata={"team": "Ops "}),
                embedded("pump c", metadata={"team": "ops"}),
            ]
        )
        where = SearchFilter(metadata={"team": "Ops "})
        found = await index.search_keyword("pump", limit=5, where=where)
        assert [match.read().text for match in found] == ["pump b"]


async def test_an_object_that_weaviate_refuses_is_named() -> None:
    bad = embedded("valve", title=5)
    async with fresh_index(DIMENSION) as index:
        with pytest.raises(IndexUnavailableError, match="refused") as refused:
            await index.upsert([embedded("pump"), bad])
        assert refused.value.details["chunk_ids"] == [str(bad.chunk.chunk_id)]


async def test_a_wrong_key_is_told() -> None:
    settings = weaviate_settings()
    if settings.api_key is None:
        pytest.skip("the server asks for no key: set HEADRACE_TEST_WEAVIATE_API_KEY")
    wrong = settings.model_copy(update={"api_key": SecretStr("wrong")})
    with pytest.raises(IndexUnavailableError, match="HEADRACE_WEAVIATE__API_KEY"):
        await WeaviateSearchIndex.open(wrong, dimension=DIMENSION)


async def test_weaviate_embeds_texts_and_queries_where_it_is_told_to() -> None:
    settings = weaviate_settings()
    await skip_without_module(settings, "text2vec-openai")
    with fake_openai() as address:
        settings = settings.model_copy(
            update={
                "vectorizer": Vectorizer.OPENAI,
                "openai_base_url": address,
                "openai_api_key": SecretStr(KEY),
            }
        )
        async with dropped_afterwards(settings):
            index = await WeaviateSearchIndex.open(settings, dimension=DIMENSION)
            await index.upsert([embedded("the pump leaks"), embedded("renewal of the contract")])
            found = await index.search_vector(
                embedded("x").embedding, limit=2, where=SearchFilter(), text="contract renewal"
            )
            await index.close()
    assert [match.read().text for match in found] == ["renewal of the contract", "the pump leaks"]


async def skip_without_module(settings: WeaviateSettings, name: str) -> None:
    client = await connect(settings)
    modules = (await client.get_meta()).get("modules") or {}
    await client.close()
    if name not in modules:
        pytest.skip(f"the server runs without the module {name}: name it in ENABLE_MODULES")
