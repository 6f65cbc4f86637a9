"""``headrace events`` and what imports say of their priority, against replayed answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.test_cli import FILE_ID, Run, own_place, run, service

__all__ = ["own_place", "run"]

EVENT = {
    "id": 7,
    "name": "file_uploaded",
    "file_id": FILE_ID,
    "payload": {"file_id": FILE_ID, "filename": "a.csv", "source_type": "csv"},
    "state": "dead",
    "attempts": 5,
    "created_at": "2026-03-31T09:00:00Z",
    "ended_at": "2026-03-31T09:00:09Z",
    "error": "no luck",
}


def log_of(*events: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"events": list(events), "next_after": 7})


def test_events_are_listed_a_line_each(run: Run) -> None:
    assert run("events", reply=lambda _: log_of(EVENT)) == 0
    (line,) = run.out.splitlines()
    what = "filename=a.csv source_type=csv"
    time = "2026-03-31T09:00:00Z"
    assert line.split("\t") == ["7", time, "file_uploaded", "dead", FILE_ID, what, "no luck"]


def test_the_list_can_be_narrowed(run: Run) -> None:
    assert run("events", "--dead", "--file", FILE_ID, "--json", reply=lambda _: log_of()) == 0
    (request,) = run.requests
    assert dict(request.url.params) == {"limit": "100", "file": FILE_ID, "dead": "true"}
    assert run.json == {"events": [], "next_after": 7}


def test_following_prints_an_object_a_line(run: Run) -> None:
    later = {**EVENT, "id": 8}

    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/events":
            return log_of(EVENT)
        if request.headers["last-event-id"] == "7":
            return httpx.Response(200, text=f"id: 8\ndata: {json.dumps(later)}\n\n")
        raise KeyboardInterrupt

    assert run("events", "--follow", "--json", reply=reply) == 130
    assert [json.loads(line) for line in run.out.splitlines()] == [EVENT, later]


def test_following_dead_events_is_wrong_usage(run: Run) -> None:
    assert run("events", "--follow", "--dead") == 2


def test_a_dead_event_is_replayed(run: Run) -> None:
    assert run("events", "replay", "7", reply=lambda _: httpx.Response(202, json=EVENT)) == 0
    (request,) = run.requests
    assert (request.method, request.url.path) == ("POST", "/v1/events/7/replay")
    assert f"headrace file {FILE_ID}" in run.out


def test_a_file_shows_its_dead_events(run: Run) -> None:
    assert run("file", FILE_ID, reply=service(dead_events=[EVENT])) == 0
    assert "dead event 7 file_uploaded: no luck" in run.out


def test_the_status_shows_the_queue_and_dead_events(run: Run) -> None:
    status = {
        "version": "1",
        "profile": "embedded",
        "data_dir": "d",
        "uptime_seconds": 1,
        "queue_depth": 900,
        "queue": {
            "limit": 1000,
            "waiting": {"interactive": 0, "bulk": 896},
            "in_flight": 4,
            "oldest_seconds": 61,
        },
        "events": {"pending": 0, "oldest_pending_seconds": None, "dead": 2},
        "records": 0,
        "chunks": 0,
        "files": {},
        "components": {},
    }
    assert run("status", reply=lambda _: httpx.Response(200, json=status)) == 0
    assert "900 of 1,000 files, 4 in work, 896 bulk waiting, the oldest for 1 min 01 s" in run.out
    assert "0 pending, 2 DEAD: headrace events --dead" in run.out


@pytest.mark.parametrize(
    ("arguments", "priority"),
    [
        (["a.csv"], None),
        (["."], "bulk"),
        (["a.csv", "b.csv"], "bulk"),
        (["a.csv", "--priority", "bulk"], "bulk"),
        ([".", "--priority", "interactive"], "interactive"),
    ],
    ids=["one file", "folder", "files", "said bulk", "said interactive"],
)
def test_more_than_one_file_is_bulk(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    priority: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        Path(name).write_text("text\nhello\n")
    assert run("import", *arguments, reply=service()) == 0
    assert {request.url.params.get("priority") for request in run.requests} == {priority}
