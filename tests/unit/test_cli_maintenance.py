"""``verify --repair``, ``reindex`` and ``replay --failed`` against replayed answers."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from serve_app.client import HeadraceClient
from serve_app.commands.maintaining import NotReindexed, reindex
from serve_app.commands.output import Output
from tests.unit.test_cli import Reply, Run, own_place, run

__all__ = ["own_place", "run"]


def answering(body: Any, status: int = 200) -> Reply:
    return lambda _: httpx.Response(status, json=body)


def repaired(**fields: Any) -> dict[str, Any]:
    return {"ok": True, "repaired": {}, "waiting": {}, "problems": [], **fields}


def index(model: str, state: str, held: int = 0) -> dict[str, Any]:
    return {
        "model": model,
        "state": state,
        "dimension": 8,
        "held": held,
        "total": 9,
        "error": None,
    }


def indexes(*some: dict[str, Any], note: str | None = None) -> dict[str, Any]:
    return {"indexes": list(some), "note": note}


def test_a_repair_that_leaves_nothing_is_a_success(run: Run) -> None:
    answer = repaired(repaired={"records_embedded": 1200})

    assert run("verify", "--repair", reply=answering(answer)) == 0
    assert "1,200 records embedded" in run.out
    assert [r.method + r.url.path for r in run.requests] == ["POST/v1/verify/repair"]


def test_a_repair_that_leaves_something_fails_and_says_what_waits(run: Run) -> None:
    answer = repaired(ok=False, waiting={"chunk": 1}, problems=["chunk c belongs to no record"])

    assert run("verify", "--repair", reply=answering(answer)) == 1
    assert "belongs to no record" in run.out
    assert "grace period" in run.err


def test_reindex_asks_for_the_model_that_is_named(run: Run) -> None:
    answer = indexes(index("a", "active"), index("b", "building"), note="the settings differ")

    assert run("reindex", "--model", "hash:8", reply=answering(answer, 202)) == 0
    assert json.loads(run.requests[0].content) == {"model": "hash:8"}
    assert "building" in run.out
    assert "the settings differ" in run.err


@pytest.mark.parametrize(
    ("option", "method", "path"),
    [
        ("--show", "GET", "/v1/reindex"),
        ("--cancel", "DELETE", "/v1/reindex"),
    ],
)
def test_reindex_can_be_shown_and_cancelled(run: Run, option: str, method: str, path: str) -> None:
    assert run("reindex", option, "--json", reply=answering(indexes(index("a", "active")))) == 0
    assert [(r.method, r.url.path) for r in run.requests] == [(method, path)]
    assert run.json["indexes"][0]["model"] == "a"


def test_old_indexes_are_dropped_by_name(run: Run) -> None:
    assert run("reindex", "--drop-old", reply=answering({"dropped": ["a"]})) == 0
    assert "dropped a" in run.out


def waiting(*answers: dict[str, Any]) -> HeadraceClient:
    left = iter(answers)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=next(left)))
    return HeadraceClient("http://service", transport=transport)


def test_reindex_waits_until_the_new_index_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    client = waiting(
        indexes(index("a", "active"), index("b", "building", held=1)),
        indexes(index("a", "active"), index("b", "building", held=8)),
        indexes(index("a", "retired"), index("b", "active", held=9)),
    )
    reindex(client, Output(as_json=False), model=None, wait=True, sleep=lambda _: None)

    out, err = capsys.readouterr()
    assert "8 of 9" in err
    assert "b\tactive" in out


def test_waiting_for_an_index_that_is_cancelled_fails() -> None:
    client = waiting(
        indexes(index("a", "active"), index("b", "building")),
        indexes(index("a", "active"), index("b", "retired")),
    )
    with pytest.raises(NotReindexed, match="cancelled"):
        reindex(client, Output(as_json=True), model=None, wait=True, sleep=lambda _: None)


def test_every_file_that_did_not_succeed_is_replayed(run: Run) -> None:
    files = [
        {"id": name, "status": status}
        for name, status in (("1", "completed"), ("2", "failed"), ("3", "completed_with_errors"))
    ]

    def reply(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"files": files, "next_before": None})
        return httpx.Response(202, json={"id": request.url.path, "status": "pending"})

    assert run("replay", "--failed", reply=reply) == 0
    replayed = [r.url.path for r in run.requests if r.method == "POST"]
    assert replayed == ["/v1/files/2/replay", "/v1/files/3/replay"]


def test_replay_needs_a_file_or_all_that_failed(run: Run) -> None:
    assert run("replay") == 2
