"""``headrace entities`` and what belongs to it, against replayed answers."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.unit.test_cli import Run, own_place, run

__all__ = ["own_place", "run"]

ID, OTHER, RECORD = (f"00000000-0000-0000-0000-00000000000{n}" for n in range(1, 4))
LOTTE = {
    "id": ID,
    "kind": "person",
    "name": "Lotte Abernay",
    "keys": ["email:l@k.example", "gong-user:9", "salesforce:003", "slack-user:U1"],
    "records": 3,
}
DETAILS: dict[str, Any] = {
    **LOTTE,
    "aliases": ["lotte"],
    "facts": {"title": "Engineer"},
    "near": [],
    "candidates": [
        {
            "id": OTHER,
            "name": "L. Abernay",
            "score": 0.7,
            "evidence": [{"reason": "same surname", "weight": 3.0}],
        }
    ],
    "timeline": [
        {
            "record_id": RECORD,
            "source_type": "slack",
            "content_type": "message",
            "title": "#general",
            "timestamp": "2026-03-31T09:00:00Z",
            "url": None,
            "roles": ["author"],
            "excerpt": "the pump\nleaks",
        }
    ],
    "next_offset": None,
}


def answer(body: Any, status: int = 200) -> Any:
    return lambda _: httpx.Response(status, json=body)


def test_entities_are_listed_a_line_each(run: Run) -> None:
    assert run("entities", "lotte", reply=answer({"entities": [LOTTE], "waiting": 0})) == 0
    keys = "email:l@k.example, gong-user:9, salesforce:003 and 1 more"
    assert run.out.rstrip("\n").split("\t") == [ID, "person", "Lotte Abernay", "3", keys]


def test_the_list_can_be_narrowed(run: Run) -> None:
    found = {"entities": [], "waiting": 2}
    assert run("entities", "lotte", "--kind", "person", "--json", reply=answer(found)) == 0
    (request,) = run.requests
    assert dict(request.url.params) == {"kind": "person", "q": "lotte", "limit": "20"}
    assert run.json == found


def test_an_entity_is_shown_with_candidates_and_timeline(run: Run) -> None:
    assert run("entity", ID, reply=answer(DETAILS)) == 0
    lines = run.out.splitlines()
    assert lines[0] == f"person Lotte Abernay  {ID}"
    assert f"  0.700  L. Abernay  {OTHER}  same surname" in lines
    assert lines[-1] == "2026-03-31 09:00  slack  author  #general  the pump leaks"


def test_a_split_names_parts(run: Run) -> None:
    reply = answer({"id": ID, "waiting": 1}, 202)
    assert run("split-entity", ID, "slack-user:U1", "lotte", reply=reply) == 0
    (request,) = run.requests
    assert request.url.path == f"/v1/entities/{ID}/split"
    assert json.loads(request.content) == {"parts": ["slack-user:U1", "lotte"]}


def test_a_join_names_the_other(run: Run) -> None:
    assert run("join-entities", ID, OTHER, reply=answer({"id": ID, "waiting": 1}, 202)) == 0
    (request,) = run.requests
    assert request.url.path == f"/v1/entities/{ID}/join"
    assert json.loads(request.content) == {"with": OTHER}


def test_a_query_can_ask_for_an_entity(run: Run) -> None:
    found = {"hits": [], "took_ms": 1.0, "cached": False}
    assert run("query", "pump", "--entity", ID, reply=answer(found)) == 0
    assert json.loads(run.requests[0].content)["entity"] == ID
