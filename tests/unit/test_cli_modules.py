"""``headrace modules`` and ``reparse`` against replayed answers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from serve_app.cli import main
from serve_app.run_state import Phase, ProcessMark, RunDirectory, ServiceState

ACTIVATION = {
    "kind": "parser",
    "name": "slack",
    "version": "2.0",
    "is_disabled": False,
    "step": "activated",
    "at": "2026-03-31T09:00:00Z",
}


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("HEADRACE_URL", raising=False)


class Run:
    """Runs ``headrace`` with one replayed answer; keeps the request."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, answer: Any = None, status: int = 200) -> int:
        def reply(request: httpx.Request) -> httpx.Response:
            request.read()
            self.request = request
            return httpx.Response(status, json=answer)

        with pytest.raises(SystemExit) as ended:
            main(arguments, transport=httpx.MockTransport(reply))
        self.out, self.err = self._capsys.readouterr()
        return int(ended.value.code or 0)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def module_json(**fields: Any) -> dict[str, Any]:
    checks = [{"name": "read a.zip", "ok": True, "detail": "3 records"}]
    return {
        "kind": "parser",
        "name": "slack",
        "version": "2.0",
        "state": "validated",
        "is_built_in": False,
        "locator": "acme:Parser",
        "wheel": "acme.whl",
        "error": None,
        "checks": checks,
        **fields,
    }


def test_modules_are_listed_with_their_states(run: Run) -> None:
    assert run("modules", "list", answer={"modules": [module_json()]}) == 0
    assert run.out.split("\t") == ["parser", "slack", "2.0", "validated", "acme.whl", "\n"]


def test_the_list_as_json_is_the_answer(run: Run) -> None:
    run("modules", "list", "--json", answer={"modules": [module_json()]})
    assert json.loads(run.out)["modules"] == [module_json()]


def test_activating_says_what_is_in_use(run: Run) -> None:
    assert run("modules", "activate", "slack", "2.0", answer=ACTIVATION) == 0
    assert run.request.url.path == "/v1/modules/parser/slack/activate"
    assert json.loads(run.request.content) == {"version": "2.0"}
    assert "2.0 is used for new work" in run.out


@pytest.mark.parametrize(
    ("step", "fields", "said"),
    [
        ("rollback", {"version": None}, "the built-in is used"),
        ("disable", {"version": None, "is_disabled": True}, "nothing is used"),
    ],
)
def test_the_other_steps_say_it_too(run: Run, step: str, fields: Any, said: str) -> None:
    arguments = ("modules", step, "disk", "--kind", "storage")
    assert run(*arguments, answer={**ACTIVATION, **fields}) == 0
    assert run.request.url.path == f"/v1/modules/storage/disk/{step}"
    assert said in run.out


def test_a_refusal_exits_with_1_and_its_sentence(run: Run) -> None:
    problem = {"detail": "nothing was in use for slack before this"}
    assert run("modules", "rollback", "slack", answer=problem, status=409) == 1
    assert "nothing was in use" in run.err


def test_reparse_prints_the_files(run: Run) -> None:
    arguments = ("reparse", "--parser", "slack", "--below", "2.1")
    assert run(*arguments, answer={"files": ["f1"], "busy": ["f2"]}, status=202) == 0
    assert json.loads(run.request.content) == {"parser": "slack", "below": "2.1"}
    assert run.out == "f1\n"
    assert "1 were not finished" in run.err


def test_with_a_url_code_goes_over_rest(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_URL", "http://far:8000")
    wheel, sample = tmp_path / "acme.whl", tmp_path / "a.zip"
    wheel.write_bytes(b"code")
    sample.write_bytes(b"sample")
    arguments = ("modules", "add", str(wheel), "--sample", str(sample))
    assert run(*arguments, answer=module_json(), status=201) == 0
    assert run.request.url.host == "far"
    assert b'name="wheel"; filename="acme.whl"' in run.request.content
    assert b'name="samples"; filename="a.zip"' in run.request.content
    assert "headrace modules activate slack 2.0" in run.err


def test_a_url_of_the_data_directorys_own_service_is_no_detour(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://127.0.0.1:8123"
    place = RunDirectory(tmp_path / "data")
    place.create()
    place.write(ServiceState(ProcessMark.of(os.getpid()), url, Phase.READY))
    monkeypatch.setenv("HEADRACE_URL", url)
    assert run("modules", "add", "acme:Parser") == 3
    assert "no service runs on" in run.err  # its database, that is: nothing was sent


def test_an_installed_class_goes_over_rest_as_a_form(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_URL", "http://far:8000")
    run("modules", "add", "acme:Parser", answer=module_json(), status=201)
    assert run.request.headers["content-type"].startswith("multipart/form-data")
    assert b'name="locator"\r\n\r\nacme:Parser' in run.request.content


def test_what_did_not_pass_exits_with_1_and_says_why(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_URL", "http://far:8000")
    failed = module_json(state="added", error="read a.zip: ZeroDivisionError")
    assert run("modules", "add", "acme:Parser", "--json", answer=failed, status=201) == 1
    assert json.loads(run.out) == failed
    assert "slack 2.0 may not be activated: read a.zip: ZeroDivisionError" in run.err


def test_where_the_setting_is_off_nothing_is_added(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_MODULES__ADDING", "off")
    assert run("modules", "add", "acme:Parser") == 1
    assert "HEADRACE_MODULES__ADDING is off" in run.err


def test_adding_beside_a_stopped_service_says_to_start_it(run: Run) -> None:
    assert run("modules", "add", "acme:Parser") == 3
    assert "headrace up" in run.err
