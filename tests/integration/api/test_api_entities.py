"""Entities over HTTP: found, shown with a timeline across sources, split, joined, asked by."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import orjson
import pytest

from domain.errors import StoreUnavailableError
from domain.models.ids import RecordId
from domain.models.related import RelatedEntity
from domain.models.search import Scope
from pipelines.linking import LinkingService
from pipelines.relating import Relating
from tests.builders import slack_export, slack_message, slack_user
from tests.gong_builders import extensive, party, transcript
from tests.integration.api.conftest import Api

ADA_SLACK = slack_user(
    "U1", "ada", profile={"display_name": "ada", "email": "ada@tarnbeck.example"}
)
BO_SLACK = slack_user("U2", "bo", profile={"display_name": "bo", "email": "bo@tarnbeck.example"})


async def import_both(api: Api) -> None:
    """Ada writes in Slack and hosts a call; Bo only writes."""
    messages = [
        slack_message("the pump leaks in hall two", "1700000000.000100"),
        slack_message("the pump is new", "1700900000.000100", user="U2"),
    ]
    days = {"general/2023-11-14": messages[:1], "general/2023-11-25": messages[1:]}
    await api.import_file("slack.zip", slack_export(days, users=[ADA_SLACK, BO_SLACK]))
    call = orjson.dumps([extensive(parties=[party()])])
    await api.import_file("calls.json", call, source="gong")
    await api.import_file("talk.json", orjson.dumps([transcript()]), source="gong")
    await link(api)


async def link(api: Api) -> None:
    await LinkingService(api.services.metadata).look()
    await api.client.get("/v1/files")  # the reader follows


async def find(api: Api, text: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await api.client.get("/v1/entities", params={"q": text, **parameters})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entities"]
    return found


async def test_a_person_is_found_with_all_keys(api: Api) -> None:
    await import_both(api)
    (ada,) = await find(api, "ada", kind="person")
    assert ada["name"] == "Ada Lovelace"
    assert ada["keys"] == ["email:ada@tarnbeck.example", "gong-user:u1", "slack-user:U1"]
    assert ada["records"] == 3


async def test_an_entity_has_a_timeline_across_sources(api: Api) -> None:
    await import_both(api)
    (ada,) = await find(api, "ada@tarnbeck.example")
    shown = (await api.client.get(f"/v1/entities/{ada['id']}")).json()
    assert [one["source_type"] for one in shown["timeline"]] == ["gong", "gong", "slack"]
    assert shown["timeline"][-1]["excerpt"] == "the pump leaks in hall two"
    assert shown["next_offset"] is None


async def test_a_timeline_goes_on_where_it_ended(api: Api) -> None:
    await import_both(api)
    (ada,) = await find(api, "ada@tarnbeck.example")
    url = f"/v1/entities/{ada['id']}"
    first = (await api.client.get(url, params={"limit": 2})).json()
    rest = (await api.client.get(url, params={"limit": 2, "offset": first["next_offset"]})).json()
    assert [len(first["timeline"]), len(rest["timeline"])] == [2, 1]


async def test_what_is_not_linked_yet_is_counted(api: Api) -> None:
    await api.import_file("slack.zip", slack_export({"general/2023-11-14": [slack_message()]}))
    answer = (await api.client.get("/v1/entities")).json()
    assert answer == {"entities": [], "waiting": 1}


async def test_a_hit_says_what_it_speaks_of(api: Api) -> None:
    await import_both(api)
    (hit, *_) = (await api.query("pump leaks", sources=["slack"]))["hits"]
    assert [(one["kind"], one["name"]) for one in hit["related"]] == [("person", "Ada Lovelace")]


async def test_a_query_can_ask_for_what_speaks_of_an_entity(api: Api) -> None:
    await import_both(api)
    (bo,) = await find(api, "bo@tarnbeck.example")
    answer = await api.query("the pump", entity=bo["id"])
    assert [hit["content"].rpartition(": ")[2] for hit in answer["hits"]] == ["the pump is new"]


async def test_a_query_about_an_unknown_entity_says_so(api: Api) -> None:
    answer = await api.client.post("/v1/query", json={"query": "x", "entity": str(uuid4())})
    assert answer.status_code == 404


async def test_a_record_is_linked_to_records_of_other_sources(api: Api) -> None:
    await import_both(api)
    (hit, *_) = (await api.query("pump leaks", sources=["slack"]))["hits"]
    related = (await api.client.get(f"/v1/records/{hit['record_id']}/related")).json()
    assert [one["name"] for one in related["entities"]] == ["Ada Lovelace"]
    assert {link["record"]["source_type"] for link in related["links"]} == {"gong"}
    assert related["links"][0]["evidence"] == ["both name email:ada@tarnbeck.example"]


async def test_what_is_split_off_is_somebody_else(api: Api) -> None:
    await import_both(api)
    (ada,) = await find(api, "ada@tarnbeck.example")
    answer = await api.client.post(
        f"/v1/entities/{ada['id']}/split", json={"parts": ["slack-user:U1"]}
    )
    await link(api)
    assert answer.status_code == 202
    assert len(await find(api, "ada", kind="person")) == 2


async def test_what_is_joined_is_one(api: Api) -> None:
    await import_both(api)
    (ada,), (bo,) = await find(api, "ada", kind="person"), await find(api, "bo", kind="person")
    answer = await api.client.post(f"/v1/entities/{ada['id']}/join", json={"with": bo["id"]})
    await link(api)
    assert answer.status_code == 202
    assert [one["records"] for one in await find(api, "ada", kind="person")] == [4]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/entities/{}", None, 404),
        ("POST", "/v1/entities/{}/split", {"parts": ["a"]}, 404),
        ("POST", "/v1/entities/{}/join", {"with": str(uuid4())}, 404),
        ("POST", "/v1/entities/{}/split", {"parts": []}, 422),
        ("GET", "/v1/entities?kind=planet&q={}", None, 422),
    ],
)
async def test_what_makes_no_sense_is_refused(
    api: Api, method: str, path: str, body: Any, status: int
) -> None:
    answer = await api.client.request(method, path.format(uuid4()), json=body)
    assert answer.status_code == status


class AwayEntities:
    """Of ``Entities`` what relating needs, from a store that is away for a while."""

    def __init__(self) -> None:
        self.is_away = False
        self.looks = 0

    async def of_records(
        self, record_ids: list[RecordId], *, limit: int, scope: Scope
    ) -> dict[RecordId, list[RelatedEntity]]:
        self.looks += 1
        if self.is_away:
            raise StoreUnavailableError("away")
        return {}


async def test_hits_come_without_relations_while_the_store_is_away() -> None:
    store = AwayEntities()
    store.is_away = True
    relating = Relating(store, generation=lambda: 1)  # type: ignore[arg-type]
    assert await relating.of_records([RecordId(uuid4())], scope=Scope()) is None


async def test_relations_are_looked_up_once_for_each_generation() -> None:
    store, generation, record_id = AwayEntities(), [1], RecordId(uuid4())
    relating = Relating(store, generation=lambda: generation[0])  # type: ignore[arg-type]
    for number in (1, 1, 2, 2):
        generation[0] = number
        await relating.of_records([record_id], scope=Scope())
    assert store.looks == 2


class SlowEntities(AwayEntities):
    """Answers when it is let, and says what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.asked: list[set[RecordId]] = []

    async def of_records(
        self, record_ids: list[RecordId], *, limit: int, scope: Scope
    ) -> dict[RecordId, list[RelatedEntity]]:
        self.asked.append(set(record_ids))
        self.is_asked.set()
        await self.may_answer.wait()
        return await super().of_records(record_ids, limit=limit, scope=scope)


def looks(relating: Relating, record_ids: list[RecordId]) -> list[asyncio.Task[Any]]:
    """One after the other begins to look for one."""
    return [asyncio.create_task(relating.of_records([one], scope=Scope())) for one in record_ids]


async def test_what_is_asked_for_during_a_look_is_looked_up_together() -> None:
    store, one, others = SlowEntities(), RecordId(uuid4()), [RecordId(uuid4()) for _ in range(3)]
    relating = Relating(store, generation=lambda: 1)  # type: ignore[arg-type]
    first = looks(relating, [one])
    await store.is_asked.wait()
    later = looks(relating, others)
    store.may_answer.set()
    assert await asyncio.gather(*first, *later) == [{each: ()} for each in [one, *others]]
    assert store.asked == [{one}, set(others)]


async def test_who_gives_up_leaves_the_look_to_others() -> None:
    store, one, other = SlowEntities(), RecordId(uuid4()), RecordId(uuid4())
    relating = Relating(store, generation=lambda: 1)  # type: ignore[arg-type]
    leaving, staying = looks(relating, [one, other])
    await store.is_asked.wait()
    leaving.cancel()
    store.may_answer.set()
    assert await staying == {other: ()}


async def test_an_answer_names_missing_relations(api: Api) -> None:
    await import_both(api)
    app_relating = api.app.state.context.relating
    app_relating._deadline_seconds = 0.0
    app_relating._known.clear()
    answer = await api.query("pump leaks")
    assert (answer["degraded"], answer["unavailable"]) == (True, ["related"])
    assert all(hit["related"] == [] for hit in answer["hits"])
