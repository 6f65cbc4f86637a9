"""What callers see while a dependency is away, and that it passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from actors.adapters.memory.clock import FakeClock
from actors.adapters.postgres.store import PostgresMetadataStore
from actors.breakers import Breakers, Dependency
from actors.guarded import guard_embedder, guard_index, guard_metadata, guard_objects
from tests.failing import Away, FailingDatabase, FailingEmbedder, FailingIndex, FailingObjects

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, OpenApi

TICKETS = (
    b"subject,body\nRenewal,Acme asks about the renewal price\nOutage,The login page is down\n"
)


async def no_sleep(seconds: float) -> None: ...


@dataclass
class World:
    """The API on stores that can be away, behind breakers whose time the test owns."""

    api: Api
    clock: FakeClock
    away: dict[str, Away]

    async def lose(self, *names: str) -> None:
        for name in names:
            self.away[name].now = True

    async def query(self, text: str = "renewal", **parts: Any) -> dict[str, Any]:
        return await self.api.query(text, **parts)

    async def breaker(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = (await self.api.client.get("/v1/status")).json()
        breaker: dict[str, Any] = status["breakers"][name]
        return breaker


@pytest.fixture
async def world(open_api: OpenApi, postgres_dsn: str) -> AsyncIterator[World]:
    clock = FakeClock()
    breakers = Breakers(clock, sleep=no_sleep)
    database = await FailingDatabase.open(
        postgres_dsn, pool_max_size=4, statement_timeout_seconds=30
    )
    assert isinstance(database, FailingDatabase)
    store = PostgresMetadataStore(database, listen_dsn=postgres_dsn)
    embedder, objects = FailingEmbedder(), FailingObjects()
    index = FailingIndex(dimension=embedder.dimension)
    async with open_api(
        metadata=guard_metadata(store, breakers),
        objects=guard_objects(objects, breakers),
        index=guard_index(index, breakers, search_seconds=1.8),
        embedder=guard_embedder(embedder, breakers),
        breakers=breakers,
    ) as api:
        await api.import_file("tickets.csv", TICKETS)
        away = {
            "postgres": database.away,
            "objects": objects.away,
            "index": index.away,
            "embedder": embedder.away,
        }
        yield World(api, clock, away)
        for one in away.values():
            one.now = False
    await store.close()


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
async def test_without_the_index_full_text_answers(world: World, mode: str) -> None:
    await world.lose("index")
    answer = await world.query(mode=mode, explain=True)
    (hit,) = answer["hits"]
    assert "renewal price" in hit["content"]
    assert [part["leg"] for part in hit["explain"]["contributions"]] == ["full_text"]
    assert answer["degraded"] is True


async def test_once_open_the_index_is_named_and_not_asked(world: World) -> None:
    await world.lose("index")
    for _ in range(3):
        await world.query()
    asked = world.away["index"].calls
    answer = await world.query()
    assert (answer["degraded"], answer["unavailable"]) == (True, ["index"])
    assert answer["degraded_legs"] == ["vector", "keyword"]
    assert world.away["index"].calls == asked


async def test_an_index_that_is_back_is_searched_after_the_recovery_time(world: World) -> None:
    await world.lose("index")
    for _ in range(3):
        await world.query()
    world.away["index"].now = False
    world.clock.advance(60)
    await world.query(mode="keyword")  # the probe
    answer = await world.query()
    assert (answer["degraded"], answer["unavailable"], answer["degraded_legs"]) == (False, [], [])


async def test_a_breakers_way_is_seen_in_the_metrics(world: World) -> None:
    async def level() -> str:
        lines = (await world.api.client.get("/metrics")).text.splitlines()
        return next(one for one in lines if one.startswith('headrace_breaker_state{dependency="in'))

    levels = [await level()]
    await world.lose("index")
    for _ in range(3):
        await world.query()
    levels.append(await level())
    world.clock.advance(60)
    world.away["index"].now = False
    levels.append((await world.breaker("index"))["state"])
    await world.query(mode="keyword")
    levels.append(await level())
    assert [one[-3:] for one in levels] == ["0.0", "2.0", "sed", "0.0"]


async def test_trips_refusals_and_retries_are_counted(world: World) -> None:
    await world.lose("index")
    for _ in range(4):
        await world.query(mode="keyword")
    lines = (await world.api.client.get("/metrics")).text.splitlines()
    counted = [line for line in lines if '_total{dependency="index"' in line]
    assert counted == [
        'headrace_breaker_trips_total{dependency="index"} 1.0',
        'headrace_breaker_refusals_total{dependency="index"} 3.0',
        'headrace_retries_total{dependency="index"} 4.0',
    ]


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
async def test_without_the_embedder_the_keyword_leg_answers(world: World, mode: str) -> None:
    await world.lose("embedder")
    for _ in range(5):
        await world.query(mode=mode)
    answer = await world.query(mode=mode, explain=True)
    contributions = answer["hits"][0]["explain"]["contributions"]
    assert [part["leg"] for part in contributions] == ["keyword"]
    assert (answer["degraded_legs"], answer["unavailable"]) == (["vector"], ["embedder"])


async def test_without_postgres_the_index_answers(world: World) -> None:
    await world.lose("postgres")
    for _ in range(5):
        await world.api.client.get("/v1/files")
    answer = await world.query()
    assert answer["hits"][0]["title"] == "Renewal"
    assert (answer["degraded"], answer["unavailable"]) == (True, ["postgres", "related"])


async def test_without_postgres_uploads_are_told_when_to_come_back(world: World) -> None:
    await world.lose("postgres")
    for _ in range(5):
        await world.api.client.get("/v1/files")
    refused = await world.api.client.put("/v1/files/more.csv", content=TICKETS)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
    assert refused.json()["dependency"] == "postgres"


async def test_without_the_object_store_uploads_are_told_when_to_come_back(world: World) -> None:
    await world.lose("objects")
    for _ in range(5):
        await world.api.client.put("/v1/files/more.csv", content=TICKETS)
    refused = await world.api.client.put("/v1/files/more.csv", content=TICKETS)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")


async def test_without_the_object_store_queries_are_as_ever(world: World) -> None:
    await world.lose("objects")
    for _ in range(5):
        await world.api.client.put("/v1/files/more.csv", content=TICKETS)
    answer = await world.query()
    assert (answer["hits"][0]["title"], answer["degraded"]) == ("Renewal", False)


async def test_status_answers_while_the_stores_are_away(world: World) -> None:
    await world.lose("postgres", "index")
    for _ in range(5):
        await world.api.client.get("/v1/files")
    answer = await world.api.client.get("/v1/status")
    status = answer.json()
    counts = [status[name] for name in ("files", "queue_depth", "records", "chunks")]
    assert (answer.status_code, counts) == (200, [None] * 4)
    assert status["breakers"]["postgres"] == {
        "state": "open",
        "failures": 5,
        "trips": 1,
        "refusals": status["breakers"]["postgres"]["refusals"],
        "retries": status["breakers"]["postgres"]["retries"],
        "retry_after_seconds": 60.0,
        "reason": status["components"]["postgres"]["detail"],
    }


async def test_all_breakers_are_shown_while_all_is_well(world: World) -> None:
    status = (await world.api.client.get("/v1/status")).json()
    assert set(status["breakers"]) == set(Dependency)
    assert {one["state"] for one in status["breakers"].values()} == {"closed"}


async def test_blended_queries_name_what_is_away(world: World) -> None:
    await world.lose("index")
    queries = [{"name": "a", "query": "renewal"}, {"name": "b", "query": "login"}]
    for _ in range(2):
        answer = await world.api.client.post("/v1/blend", json={"queries": queries})
    blended = answer.json()
    assert (len(blended["ranking"]), blended["unavailable"]) == (2, ["index"])
