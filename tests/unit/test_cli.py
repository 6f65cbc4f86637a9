"""The command line against replayed answers: arguments, JSON shapes, exit statuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from serve_app.cli import main

Reply = Callable[[httpx.Request], httpx.Response]
COMMANDS = {
    *("up", "down", "status", "import", "query", "files"),
    *("file", "delete", "replay", "verify", "eval", "reparse", "reindex", "modules", "events"),
}
FILE_ID = "0b0b0b0b-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees a service or settings of this machine."""
    monkeypatch.setenv("HEADRACE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("HEADRACE_URL", raising=False)


class Run:
    """Runs ``headrace`` with a replayed service; keeps status, output and requests."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.requests: list[httpx.Request] = []

    def __call__(self, *arguments: str, reply: Reply | None = None) -> int:
        def answer(request: httpx.Request) -> httpx.Response:
            request.read()
            self.requests.append(request)
            assert reply is not None
            return reply(request)

        with pytest.raises(SystemExit) as ended:
            main(arguments, transport=httpx.MockTransport(answer))
        self.out, self.err = self._capsys.readouterr()
        return int(ended.value.code or 0)

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def file_json(**fields: Any) -> dict[str, Any]:
    """A completed file as the service shows it."""
    ledger = {"read": 3, "indexed": 2, "unchanged": 0, "dropped": {"blank": 1}, "failed": 0}
    progress = {
        "fraction": 1.0,
        "records_done": 3,
        "records_per_second": None,
        "found_by_words": 3,
        "found_by_meaning": 2,
    }
    return {
        "id": FILE_ID,
        "filename": "a.csv",
        "status": "completed",
        "source_type": "csv",
        "parser": "csv/1",
        "file_size": 12,
        "sha256": "00",
        "uploaded_at": "2026-03-31T09:00:00Z",
        "completed_at": "2026-03-31T09:00:01Z",
        "error": None,
        "metadata": {},
        "ledger": ledger,
        "progress": progress,
        "eta_seconds": None,
        "priority": "interactive",
        "dead_events": [],
        **fields,
    }


def service(**fields: Any) -> Reply:
    """Takes every upload; shows every file as ``file_json(**fields)``."""

    def reply(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return httpx.Response(202, json={"id": FILE_ID, "status": "pending"})
        return httpx.Response(200, json=file_json(**fields))

    return reply


def problem(status: int, detail: str) -> Reply:
    return lambda request: httpx.Response(status, json={"title": "No", "detail": detail})


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text("text\nhello\n")
    return path


def test_help_lists_every_command(run: Run) -> None:
    assert run("--help") == 0
    assert set(re.findall(r"^  (\w+) ", run.out, re.MULTILINE)) >= COMMANDS


@pytest.mark.parametrize(
    "arguments",
    [["query"], ["import", "/no/such/file"], ["query", "x", "--limit", "0"], ["nonsense"]],
    ids=["no text", "no such file", "limit of 0", "no such command"],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments) == 2


def test_a_filter_without_a_sign_is_wrong_usage(run: Run) -> None:
    assert run("query", "x", "--filter", "channel") == 2
    assert "write it as name=value" in run.err


def test_a_wrong_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_HTTP__PORT", "many")
    assert run("status") == 2
    assert "HEADRACE_HTTP__PORT" in run.err


@pytest.mark.parametrize(
    "arguments", [["files"], ["query", "x"], ["verify"], ["status"]], ids=lambda a: a[0]
)
def test_an_unreachable_service_exits_with_3_and_the_fix(run: Run, arguments: list[str]) -> None:
    assert run(*arguments, reply=unreachable) == 3
    assert "cannot reach http://127.0.0.1:8000: start the service with 'headrace up'" in run.err


def test_status_as_json_says_that_nothing_runs(run: Run) -> None:
    assert run("status", "--json", reply=unreachable) == 3
    assert run.json["up"] is False


def status_json(**fields: Any) -> dict[str, Any]:
    """What a service says of itself while its PostgreSQL is away."""
    closed = {"state": "closed", "failures": 0, "retry_after_seconds": 0.0}
    away = {"state": "open", "failures": 5, "retry_after_seconds": 42.4, "reason": "start it"}
    return {
        "version": "1.0",
        "profile": "embedded",
        "data_dir": "/data",
        "uptime_seconds": 5.0,
        **dict.fromkeys(["queue_depth", "queue", "events", "records", "chunks", "files"]),
        "components": {"postgres": {"ok": False, "detail": "no answer"}},
        "breakers": {"index": closed, "postgres": away},
        **fields,
    }


def test_status_shows_breakers_that_are_not_closed(run: Run) -> None:
    assert run("status", reply=lambda _: httpx.Response(200, json=status_json())) == 0
    assert "OPEN for 42 s more: start it" in run.out
    assert "breaker index" not in run.out


def test_status_says_what_nobody_can_tell(run: Run) -> None:
    run("status", reply=lambda _: httpx.Response(200, json=status_json()))
    assert "unknown files" in run.out


def test_status_as_json_has_all_breakers(run: Run) -> None:
    run("status", "--json", reply=lambda _: httpx.Response(200, json=status_json()))
    assert set(run.json["breakers"]) == {"index", "postgres"}


def test_import_and_wait_prints_the_ledger_of_every_file(run: Run, table: Path) -> None:
    assert run("import", str(table), "--wait", "--json", reply=service()) == 0
    assert run.json == {
        "files": [
            {
                "id": FILE_ID,
                "filename": "a.csv",
                "status": "completed",
                "source_type": "csv",
                "ledger": file_json()["ledger"],
                "error": None,
            }
        ],
        "skipped": [],
    }


def test_import_without_waiting_prints_ids(run: Run, table: Path) -> None:
    assert run("import", str(table), "--json", reply=service()) == 0
    (entry,) = run.json["files"]
    assert (entry["id"], entry["status"], entry["ledger"]) == (FILE_ID, "pending", None)


def test_an_upload_carries_bytes_name_and_options(run: Run, table: Path) -> None:
    options = ["--source", "crm", "--text-column", "a", "--text-column", "b", "--id-column", "id"]
    options += ["--job"]
    run("import", str(table), *options, reply=service())
    (request,) = run.requests
    assert request.content == b"text\nhello\n"
    assert request.url.path == "/v1/files/a.csv"
    assert dict(request.url.params) == {
        "source_type": "crm",
        "text_columns": "a,b",
        "id_column": "id",
        "job": "true",
    }


def test_a_failed_file_fails_the_import(run: Run, table: Path) -> None:
    failed = service(status="failed", error="no parser reads it")
    assert run("import", str(table), "--wait", "--json", reply=failed) == 1
    assert run.json["files"][0]["error"] == "no parser reads it"


def test_a_refused_upload_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "bad.csv").write_text("x")
    (folder / "good.csv").write_text("x")

    def reply(request: httpx.Request) -> httpx.Response:
        if "bad" in request.url.path:
            return problem(422, "its name is odd")(request)
        return service()(request)

    assert run("import", str(folder), "--wait", "--json", reply=reply) == 1
    shown = [(entry["filename"], entry["status"], entry["error"]) for entry in run.json["files"]]
    assert shown == [
        ("folder/bad.csv", "refused", "its name is odd"),
        ("folder/good.csv", "completed", None),
    ]


def test_an_empty_folder_is_named_and_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("import", str(tmp_path / "empty"), "--json", reply=service()) == 1
    assert run.json["skipped"] == [{"path": str(tmp_path / "empty"), "reason": "empty folder"}]
    assert "skipped" in run.err


def test_a_dry_run_needs_no_service(run: Run, table: Path) -> None:
    assert run("import", str(table), "--dry-run", "--json") == 0
    (entry,) = run.json["files"]
    assert entry["ledger"]["indexed"] == 1
    assert run.requests == []


def test_a_query_sends_what_was_asked(run: Run) -> None:
    hits = {"hits": [], "took_ms": 1.0, "cached": False, "degraded": False}
    arguments = ["query", "renewal", "--source", "slack", "--since", "2026-01-01"]
    arguments += ["--filter", "channel=sales", "--mode", "keyword", "--json"]
    assert run(*arguments, reply=lambda request: httpx.Response(200, json=hits)) == 0
    assert json.loads(run.requests[0].content) == {
        "query": "renewal",
        "sources": ["slack"],
        "since": "2026-01-01",
        "filters": {"channel": "sales"},
        "limit": 10,
        "mode": "keyword",
    }
    assert run.json == hits


def test_a_hit_shows_where_it_is_from_and_how_it_scored(run: Run) -> None:
    part = {"leg": "vector", "rank": 1, "raw_score": 0.9, "weight": 1.0, "addend": 0.0164}
    hit = {
        "score": 0.0164,
        "source_type": "slack",
        "author": "Ada",
        "timestamp": "2026-03-31T09:30:00Z",
        "metadata": {"channel": "sales"},
        "title": None,
        "content": "the renewal is late",
        "explain": {"contributions": [part]},
    }
    answer = {"hits": [hit], "took_ms": 1.0}
    assert run("query", "x", "--explain", reply=lambda _: httpx.Response(200, json=answer)) == 0
    assert "slack · #sales · Ada · 2026-03-31 09:30" in run.out
    assert "+0.0164  vector rank 1" in run.out


def test_a_hit_says_what_moved_it_and_how_many_say_the_same(run: Run) -> None:
    part = {"leg": "diversity", "rank": None, "raw_score": 0.5, "weight": -0.1, "addend": -0.05}
    hit = {
        "score": 0.0164,
        "source_type": "slack",
        "content": "the renewal is late",
        "explain": {"contributions": [part]},
        "folded": 2,
    }
    answer = {"hits": [hit], "took_ms": 1.0}
    assert run("query", "x", "--explain", reply=lambda _: httpx.Response(200, json=answer)) == 0
    assert "-0.0500  diversity, raw 0.5000" in run.out
    assert "2 more that say the same" in run.out


def test_a_refused_query_is_wrong_usage(run: Run) -> None:
    assert run("query", "x", "--since", "soon", reply=problem(422, "since is no date")) == 2
    assert "since is no date" in run.err


def test_an_unknown_file_fails(run: Run) -> None:
    assert run("file", FILE_ID, reply=problem(404, "no file has this id")) == 1


def test_a_file_shows_how_many_of_its_records_are_found_by_what(run: Run) -> None:
    assert run("file", FILE_ID, reply=service()) == 0
    assert "3 by words, 2 by meaning" in run.out


def test_files_are_one_line_each_in_a_pipe(run: Run) -> None:
    page = {"files": [file_json()], "next_before": None}
    assert run("files", reply=lambda request: httpx.Response(200, json=page)) == 0
    assert run.out.split("\t")[:4] == [FILE_ID, "completed", "csv", "a.csv"]


def test_files_are_read_page_by_page(run: Run) -> None:
    pages: Iterator[Any] = iter(
        [
            {"files": [file_json()], "next_before": "2026-03-31T09:00:00Z"},
            {"files": [file_json(filename="b.csv")], "next_before": None},
        ]
    )
    assert run("files", "--json", reply=lambda _: httpx.Response(200, json=next(pages))) == 0
    assert [file["filename"] for file in run.json["files"]] == ["a.csv", "b.csv"]
    assert run.requests[1].url.params["before"] == "2026-03-31T09:00:00Z"


def test_verify_fails_with_the_list_of_problems(run: Run) -> None:
    answer = {"ok": False, "problems": ["a chunk is missing"]}
    assert run("verify", "--json", reply=lambda _: httpx.Response(200, json=answer)) == 1
    assert run.json == answer


def test_delete_and_replay_print_what_was_accepted(run: Run) -> None:
    accepted = {"id": FILE_ID, "status": "deleting"}
    assert run("delete", FILE_ID, "--json", reply=lambda _: httpx.Response(202, json=accepted)) == 0
    assert run.json == accepted


def test_down_is_content_when_nothing_runs(run: Run) -> None:
    assert run("down", "--json") == 0
    assert run.json["stopped"] is False


def test_up_refuses_a_port_that_is_none(run: Run) -> None:
    assert run("up", "--port", "many") == 2
    assert "from 1 to 65535, or auto" in run.err
