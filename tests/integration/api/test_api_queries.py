"""Questions, records and blending over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.postgres.store import PostgresMetadataStore
from actors.settings import BlendingSettings
from domain.errors import IndexUnavailableError, StoreUnavailableError
from tests.builders import slack_export, slack_message
from tests.store_builders import a_claim, a_record, stage

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, OpenApi

TICKETS = (
    b"subject,body,created_at\n"
    b"Renewal,Acme asks about the renewal price,2026-03-02\n"
    b"Outage,The login page is down,2026-03-20\n"
)


def thread_export() -> bytes:
    """A question about a renewal, its two answers (one a day later), and something else."""
    root = slack_message("what is the renewal price for Acme?", "1772000000.000100")
    thread = {"thread_ts": "1772000000.000100"}
    return slack_export(
        {
            "general/2026-02-25": [
                {**root, **thread, "reply_count": 2},
                slack_message("forty thousand", "1772000060.000100", **thread),
                slack_message("lunch?", "1772000120.000100"),
            ],
            "general/2026-02-26": [
                slack_message("they signed", "1772086400.000100", **thread),
            ],
        }
    )


class HalfDeadIndex(InMemorySearchIndex):
    async def search_keyword(self, *_: Any, **__: Any) -> Any:
        raise IndexUnavailableError("no answer")


class DeadIndex(HalfDeadIndex):
    async def search_vector(self, *_: Any, **__: Any) -> Any:
        raise IndexUnavailableError("no answer")


@pytest.fixture
def dimension() -> int:
    return HashEmbedder().dimension


async def test_a_hit_of_a_conversation_names_its_messages_and_the_one_that_fits_best(
    api: Api,
) -> None:
    await api.import_file("slack.zip", thread_export())

    hit = (await api.query("forty thousand"))["hits"][0]

    best = (await api.client.get(f"/v1/records/{hit['record_id']}")).json()
    assert best["content"] == "forty thousand"
    assert len(hit["records"]) == 3
    assert hit["record_id"] in [each["record_id"] for each in hit["records"]]


async def test_a_hit_of_a_record_names_it_alone(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)

    hit = (await api.query("renewal price"))["hits"][0]

    whole = {"record_id": hit["record_id"], "start": 0, "end": len(hit["content"])}
    assert hit["records"] == [whole]


async def test_a_question_finds_its_answer_first(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    answer = await api.query("renewal price")
    assert "renewal price" in answer["hits"][0]["content"]
    assert (answer["cached"], answer["degraded"], answer["degraded_legs"]) == (False, False, [])


async def test_a_slack_hit_shows_channel_author_and_time(api: Api) -> None:
    await api.import_file("export.zip", thread_export())
    [hit] = (await api.query("renewal price", limit=1))["hits"]
    assert (hit["source_type"], hit["content_type"], hit["author"]) == ("slack", "message", "ada")
    assert hit["metadata"]["channel"] == "general"
    assert hit["timestamp"] == "2026-02-25T06:13:20.000100Z"


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
async def test_every_mode_answers(api: Api, mode: str) -> None:
    await api.import_file("tickets.csv", TICKETS)
    answer = await api.query("login page", mode=mode)
    assert "login page" in answer["hits"][0]["content"]


async def test_an_explanation_adds_up_to_the_score(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    answer = await api.query("renewal price", explain=True)
    hit = answer["hits"][0]
    addends = [part["addend"] for part in hit["explain"]["contributions"]]
    assert sum(addends) == pytest.approx(hit["score"])
    assert set(answer["stages_ms"]) == {"embed", "vector", "keyword", "blend", "related"}


async def test_without_explain_an_answer_explains_nothing(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    answer = await api.query("renewal price")
    assert answer["stages_ms"] is None
    assert answer["hits"][0]["explain"] is None


@pytest.mark.parametrize(
    "narrowed",
    [
        pytest.param({"sources": ["slack"]}, id="source"),
        pytest.param({"content_types": ["transcript"]}, id="content type"),
        pytest.param({"since": "2027-01-01"}, id="since"),
        pytest.param({"until": "2020-01-01"}, id="until"),
        pytest.param({"filters": {"subject": "nothing"}}, id="metadata"),
    ],
)
async def test_filters_leave_out_what_does_not_satisfy_them(
    api: Api, narrowed: dict[str, Any]
) -> None:
    await api.import_file("tickets.csv", TICKETS)
    assert (await api.query("renewal price", **narrowed))["hits"] == []


@pytest.mark.parametrize(
    ("query", "content"),
    [
        ('"is the renewal price"', "what is the renewal price for Acme?"),
        ("signed from:ada source:slack in:#General on:2026-02-25", "they signed"),
        ("price before:2026-03-02 source:slack", "what is the renewal price for Acme?"),
        ('login -"renewal" type:record', "The login page is down"),
        ("on:2026-03-20", "The login page is down"),
        ("https://x.slack.com/archives/C1/p1772086400000100", "they signed"),
    ],
)
async def test_what_the_query_says_decides_what_comes_first(
    api: Api, query: str, content: str
) -> None:
    await api.import_file("tickets.csv", TICKETS)
    await api.import_file("export.zip", thread_export())
    assert content in (await api.query(query))["hits"][0]["content"]


async def test_an_explanation_says_what_was_understood(api: Api) -> None:
    answer = await api.query('"a b" -"c" from:ann case 00001026', explain=True)
    said = answer["analysis"]
    assert (said["phrases"], said["excluded"], said["authors"]) == (["a b"], ["c"], ["ann"])
    assert said["identifiers"] == [
        {"kind": "number", "written": "00001026", "spellings": ["00001026"]}
    ]


async def test_a_cursor_leads_to_the_next_hits(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    first = await api.query("page", limit=1)
    second = await api.query("page", limit=1, cursor=first["next_cursor"])
    assert len({first["hits"][0]["id"], second["hits"][0]["id"]}) == 2
    assert (second["next_cursor"], second["index_changed"]) == (None, False)


async def test_until_is_exclusive_and_a_date_is_its_first_moment(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    answer = await api.query("renewal login", since="2026-03-02", until="2026-03-20")
    assert ["Acme" in hit["content"] for hit in answer["hits"]] == [True]


async def test_weights_decide_between_the_legs(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    answer = await api.query(
        "renewal", explain=True, fusion="rrf", weights={"vector": 0.0, "keyword": 1.0}
    )
    parts = {part["leg"]: part["addend"] for part in answer["hits"][0]["explain"]["contributions"]}
    assert parts["vector"] == 0.0
    assert parts["keyword"] == pytest.approx(answer["hits"][0]["score"])


async def test_a_dead_leg_is_named(open_api: OpenApi, dimension: int) -> None:
    async with open_api(index=HalfDeadIndex(dimension=dimension)) as api:
        await api.import_file("tickets.csv", TICKETS)
        answer = await api.query("renewal price")
    assert (answer["degraded"], answer["degraded_legs"]) == (True, ["keyword"])
    assert answer["hits"]


class DeadFullText:
    async def search(self, *_: Any, **__: Any) -> Any:
        raise StoreUnavailableError("no answer")


async def test_no_leg_at_all_is_a_503(
    open_api: OpenApi, metadata_store: PostgresMetadataStore, dimension: int
) -> None:
    metadata_store.full_text = DeadFullText()  # type: ignore[assignment]
    async with open_api(index=DeadIndex(dimension=dimension)) as api:
        answer = await api.client.post("/v1/query", json={"query": "renewal"})
        metrics = (await api.client.get("/metrics")).text
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert 'headrace_queries_total{mode="hybrid",outcome="error"} 1.0' in metrics


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"query": "   "}, id="blank"),
        pytest.param({"query": "x", "limit": 0}, id="limit"),
        pytest.param({"query": "x", "sauces": []}, id="unknown field"),
        pytest.param({"query": "x", "since": "2026-02-01", "until": "2026-01-01"}, id="no time"),
        pytest.param({"query": "x", "filters": {"a": {"b": 1}}}, id="nested filter"),
        pytest.param({"query": "x after:banana"}, id="no date"),
        pytest.param({"query": "x", "cursor": "nonsense"}, id="no cursor"),
        pytest.param({"query": "x", "time_zone": "Nowhere"}, id="no time zone"),
        pytest.param({"query": "x", "limit": 201}, id="too many"),
        pytest.param([], id="no object"),
    ],
)
async def test_a_query_that_makes_no_sense_is_a_422_problem(api: Api, body: object) -> None:
    answer = await api.client.post("/v1/query", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_a_body_that_is_no_json_is_a_422_problem(api: Api) -> None:
    answer = await api.client.post(
        "/v1/query", content=b'{"query": ', headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_hit_leads_to_its_whole_record(api: Api) -> None:
    file = await api.import_file("tickets.csv", TICKETS)
    [hit] = (await api.query("renewal price", limit=1))["hits"]
    record = (await api.client.get(f"/v1/records/{hit['record_id']}")).json()
    assert "Acme asks about the renewal price" in record["content"]
    assert record["file_id"] == file["id"]
    assert record["place"]["end"] > record["place"]["start"]


async def test_a_message_leads_to_its_thread_in_order(api: Api) -> None:
    await api.import_file("export.zip", thread_export())
    [hit] = (await api.query("they signed", limit=1))["hits"]
    related = (await api.client.get(f"/v1/records/{hit['record_id']}/related")).json()
    assert [record["content"] for record in related["thread"]] == [
        "what is the renewal price for Acme?",
        "forty thousand",
        "they signed",
    ]
    assert related["links"] == []


async def test_queries_are_blended_by_name(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    await api.import_file("export.zip", thread_export())
    body = {
        "queries": [
            {"name": "chat", "query": "renewal price", "sources": ["slack"]},
            {"name": "tickets", "query": "renewal price", "sources": ["csv"]},
        ],
        "weights": {"chat": 1.0, "tickets": 3.0},
    }
    answer = (await api.client.post("/v1/blend", json=body)).json()
    first = answer["ranking"][0]
    assert first["contributions"][0]["leg"] == "tickets"
    assert first["id"] == first["hit"]["record_id"]


async def test_what_sources_weigh_counts_once_where_queries_are_blended(open_api: OpenApi) -> None:
    blending = BlendingSettings(source_weights={"slack": 0.25})
    async with open_api(blending=blending) as api:
        await api.import_file("tickets.csv", TICKETS)
        await api.import_file("export.zip", thread_export())
        body = {"queries": [{"name": "all", "query": "renewal price"}]}
        blended = (await api.client.post("/v1/blend", json=body)).json()["ranking"]
        unweighted = (await api.query("renewal price", source_weights={}, collapse="none"))["hits"]
    said = {item["id"]: item["contributions"][0] for item in blended}
    assert {of: part["raw_score"] for of, part in said.items()} == {
        hit["record_id"]: hit["score"] for hit in unweighted
    }
    assert {part["weight"] for part in said.values()} == {1.0, 0.25}


async def test_snippets_of_a_blended_hit_show_what_was_looked_for(api: Api) -> None:
    text = f"the source is csv, {'and so on ' * 40}until the renewal"
    await api.import_file("tickets.csv", f'subject,body\nPump,"{text}"\n'.encode())
    body = {"queries": [{"name": "all", "query": "renewal source:csv"}]}
    answer = (await api.client.post("/v1/blend", json=body)).json()
    assert "renewal" in answer["ranking"][0]["hit"]["snippet"]


async def test_blended_hits_are_as_many_as_asked_for_though_others_are_folded(api: Api) -> None:
    bodies = [*["the pump leaks"] * 30, "the pump is loud", "a pump", "pump and hose"]
    rows = "".join(f"{body}\n" for body in bodies)
    await api.import_file("tickets.csv", f"body\n{rows}".encode())
    body = {"queries": [{"name": "all", "query": "the pump leaks"}], "limit": 4}
    answer = (await api.client.post("/v1/blend", json=body)).json()
    assert len(answer["ranking"]) == 4


async def test_rankings_of_the_caller_are_blended(api: Api) -> None:
    body = {
        "rankings": {
            "mine": [{"id": "a"}, {"id": "b"}],
            "theirs": [{"id": "b"}, {"id": "c"}],
        }
    }
    answer = (await api.client.post("/v1/blend", json=body)).json()
    assert [item["id"] for item in answer["ranking"]] == ["b", "a", "c"]
    for item in answer["ranking"]:
        addends = [part["addend"] for part in item["contributions"]]
        assert sum(addends) == pytest.approx(item["score"])


async def test_a_ranking_of_identifiers_stands_before_all_others(api: Api) -> None:
    body = {"rankings": {"words": [{"id": "a"}], "identifier": [{"id": "b"}]}}
    answer = (await api.client.post("/v1/blend", json=body)).json()
    assert [item["id"] for item in answer["ranking"]] == ["b", "a"]


async def test_rankings_are_blended_with_recency_where_it_is_asked_for(api: Api) -> None:
    items = [
        {"id": "old", "score": 1.0, "timestamp": "2020-01-01"},
        {"id": "new", "score": 0.9, "timestamp": "2999-01-01"},
    ]
    body = {"rankings": {"mine": items}, "method": "relative", "recency": 0.5}
    answer = (await api.client.post("/v1/blend", json=body)).json()
    assert [item["id"] for item in answer["ranking"]] == ["new", "old"]
    [_, recency] = answer["ranking"][0]["contributions"]
    assert (recency["leg"], recency["rank"]) == ("recency", None)
    assert recency["addend"] == pytest.approx(0.45)


async def test_contributions_can_be_left_out(api: Api) -> None:
    body = {"rankings": {"mine": [{"id": "a"}]}, "explain": False}
    answer = (await api.client.post("/v1/blend", json=body)).json()
    assert answer["ranking"][0]["contributions"] is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="neither"),
        pytest.param(
            {"queries": [{"name": "a", "query": "x"}], "rankings": {"b": [{"id": "c"}]}}, id="both"
        ),
        pytest.param({"queries": [{"name": "a", "query": "x"}] * 2}, id="same name twice"),
    ],
)
async def test_blending_needs_queries_or_rankings(api: Api, body: dict[str, Any]) -> None:
    assert (await api.client.post("/v1/blend", json=body)).status_code == 422


async def test_queries_are_written_into_the_history(api: Api) -> None:
    await api.query("renewal price")
    history = api.app.state.context.history
    await history.flush()
    assert history.dropped == 0


async def test_a_staged_record_is_found_before_it_is_embedded_and_answers_follow(api: Api) -> None:
    metadata = api.services.metadata
    claim = await a_claim(metadata)
    missing = await api.query("pump", mode="keyword")
    await stage(metadata, claim, a_record("1", "the pump leaks"))

    async with asyncio.timeout(30):
        while not (answer := await api.query("pump", mode="keyword", explain=True))["hits"]:
            await metadata.events.wait(timeout_seconds=0.05)
    plain = await api.query("pump", mode="keyword")

    assert (missing["hits"], plain["hits"][0]["content"]) == ([], "the pump leaks")
    parts = answer["hits"][0]["explain"]["contributions"]
    assert ([part["leg"] for part in parts], answer["degraded"]) == (["arriving"], False)
