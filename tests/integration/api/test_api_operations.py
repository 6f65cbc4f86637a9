"""Health, metrics, documentation and errors over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.postgres.store import PostgresMetadataStore
from actors.adapters.redis.cache import RedisCache, RedisOptions
from actors.settings import HttpSettings
from domain.errors import IndexUnavailableError

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, OpenApi

CSV = b"subject,body\nRenewal,Acme asks about the price\n"

CONTRACT = {
    "/v1/files/{filename}": {"put"},
    "/v1/files": {"get", "post"},
    "/v1/files/{file_id}": {"get", "delete"},
    "/v1/files/{file_id}/replay": {"post"},
    "/v1/files/{file_id}/dead-letters": {"get"},
    "/v1/uploads": {"post"},
    "/v1/uploads/{upload_id}": {"delete"},
    "/v1/uploads/{upload_id}/parts": {"get"},
    "/v1/uploads/{upload_id}/complete": {"post"},
    "/v1/events": {"get"},
    "/v1/history": {"get", "delete"},
    "/v1/history/similar": {"get"},
    "/v1/events/stream": {"get"},
    "/v1/events/{event_id}/replay": {"post"},
    "/v1/query": {"post"},
    "/v1/blend": {"post"},
    "/v1/modules": {"get", "post"},
    "/v1/modules/{kind}/{name}/activate": {"post"},
    "/v1/modules/{kind}/{name}/disable": {"post"},
    "/v1/modules/{kind}/{name}/rollback": {"post"},
    "/v1/reparse": {"post"},
    "/v1/entities": {"get"},
    "/v1/entities/{entity_id}": {"get"},
    "/v1/entities/{entity_id}/split": {"post"},
    "/v1/entities/{entity_id}/join": {"post"},
    "/v1/records/{record_id}": {"get"},
    "/v1/records/{record_id}/related": {"get"},
    "/v1/status": {"get"},
    "/v1/verify/repair": {"post"},
    "/v1/reindex": {"get", "post", "delete"},
    "/v1/reindex/drop-old": {"post"},
    "/v1/verify": {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/metrics": {"get"},
}


class DeadIndex(InMemorySearchIndex):
    async def ping(self) -> None:
        raise IndexUnavailableError("the index gives no answer")


class BrokenIndex(InMemorySearchIndex):
    async def count(self) -> int:
        raise RuntimeError("secret inside")


async def test_a_living_process_says_so(api: Api) -> None:
    answer = await api.client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_when_every_component_answers(api: Api) -> None:
    answer = await api.client.get("/health/ready")
    assert answer.status_code == 200
    assert set(answer.json()["components"]) == {
        "postgres",
        "index",
        "objects",
        "cache",
        "embedder",
    }


async def test_a_component_without_an_answer_is_named(open_api: OpenApi) -> None:
    async with open_api(index=DeadIndex(dimension=HashEmbedder().dimension)) as api:
        answer = await api.client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "index: the index gives no answer"
    assert answer.headers["retry-after"] == "1"


async def test_it_is_ready_without_its_cache_which_is_named(open_api: OpenApi) -> None:
    async with open_api(cache=RedisCache(RedisOptions("redis://127.0.0.1:1/0"))) as api:
        answer = await api.client.get("/health/ready")
    cache = answer.json()["components"]["cache"]
    assert (answer.status_code, cache["ok"]) == (200, False)
    assert cache["detail"].startswith("Redis at 127.0.0.1:1 cannot be reached")


async def test_an_absent_postgres_is_named_with_the_fix(
    open_api: OpenApi, metadata_store: PostgresMetadataStore
) -> None:
    async with open_api() as api:
        await metadata_store.close()
        answer = await api.client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("postgres: ")


async def test_status_counts_what_is_there(api: Api) -> None:
    await api.import_file("tickets.csv", CSV)
    status = (await api.client.get("/v1/status")).json()
    counts = {name: status[name] for name in ("records", "chunks", "files", "queue_depth")}
    assert counts == {"records": 1, "chunks": 1, "files": {"completed": 1}, "queue_depth": 0}


async def test_verify_finds_nothing_wrong_after_an_import(api: Api) -> None:
    await api.import_file("tickets.csv", CSV)
    assert (await api.client.get("/v1/verify")).json() == {"ok": True, "problems": []}


async def test_verify_finds_what_the_index_has_lost(api: Api) -> None:
    await api.import_file("tickets.csv", CSV)
    index = api.services.index
    async for chunk_ids in index.chunk_ids():
        await index.delete(chunk_ids)
        break
    report = (await api.client.get("/v1/verify")).json()
    assert report["ok"] is False
    assert "is not in the index" in report["problems"][0]


async def test_metrics_show_the_stores_and_the_process(api: Api) -> None:
    await api.import_file("tickets.csv", CSV)
    await api.query("renewal")
    lines = (await api.client.get("/metrics")).text.splitlines()
    assert 'headrace_files_total{status="completed"} 1.0' in lines
    assert "headrace_queue_depth 0.0" in lines
    assert 'headrace_import_records_total{outcome="indexed"} 1.0' in lines
    assert "headrace_embedding_texts_total 1.0" in lines
    assert "headrace_index_chunks 1.0" in lines
    assert 'headrace_queries_total{mode="hybrid",outcome="ok"} 1.0' in lines
    assert 'headrace_query_latency_seconds_count{mode="hybrid"} 1.0' in lines
    assert f"headrace_upload_bytes_total {len(CSV)}.0" in lines


async def test_the_openapi_document_lists_the_contract_and_no_more(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    assert {path: set(methods) for path, methods in document["paths"].items()} == CONTRACT


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_every_documented_error_is_a_problem_document(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert set(response["content"]) == {"application/problem+json"}, name


async def test_every_route_has_a_summary_and_a_description(api: Api) -> None:
    document = (await api.client.get("/openapi.json")).json()
    for name, operation in operations(document):
        assert operation.get("summary"), name
        assert operation.get("description"), name


async def test_the_documentation_page_needs_no_network(api: Api) -> None:
    page = (await api.client.get("/docs")).text
    assert "https://" not in page
    assert (await api.client.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200


async def test_an_unknown_route_is_a_problem(api: Api) -> None:
    answer = await api.client.get("/v2/query")
    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


async def test_a_crash_tells_the_caller_nothing_of_our_insides(open_api: OpenApi) -> None:
    async with open_api(index=BrokenIndex(dimension=HashEmbedder().dimension)) as api:
        answer = await api.client.get("/v1/status")
    assert answer.status_code == 500
    assert "secret" not in answer.text


@pytest.fixture
def tight() -> HttpSettings:
    return HttpSettings(max_ongoing_requests=1, max_queued_requests=0)


class SlowIndex(InMemorySearchIndex):
    """Counts only when it is let go."""

    def __init__(self, *, dimension: int) -> None:
        super().__init__(dimension=dimension)
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def count(self) -> int:
        self.asked.set()
        await self.let_go.wait()
        return 0


async def test_an_overloaded_service_answers_429_but_stays_alive(
    open_api: OpenApi, tight: HttpSettings
) -> None:
    index = SlowIndex(dimension=HashEmbedder().dimension)
    async with open_api(http=tight, index=index) as api:
        slow = asyncio.create_task(api.client.get("/v1/status"))
        await index.asked.wait()
        refused = await api.client.get("/v1/files")
        alive = await api.client.get("/health/live")
        upload = await api.client.put("/v1/files/a.csv", content=CSV)
        index.let_go.set()
        await slow
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.headers["content-type"] == "application/problem+json"
    assert alive.status_code == 200
    assert upload.status_code == 202
