"""Modules over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from actors.settings import Adding, ModuleSettings
from domain.parsers.detection import PARSERS
from tests.module_builders import NOTES, NOTES_MODULE, a_module, a_wheel

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, OpenApi

SLACK = "/v1/modules/parser/slack"


@pytest.fixture
async def open_to_all(open_api: OpenApi) -> AsyncIterator[Api]:
    """A service that takes code over REST."""
    async with open_api(modules=ModuleSettings(adding=Adding.REST)) as api:
        yield api


async def added(api: Api, version: str = "2.0", **fields: Any) -> None:
    await api.services.metadata.modules.put(a_module("slack", version, **fields))


async def state_of(api: Api, name: str, version: str) -> str:
    modules = (await api.client.get("/v1/modules")).json()["modules"]
    (state,) = [m["state"] for m in modules if (m["name"], m["version"]) == (name, version)]
    return str(state)


async def test_the_built_in_parsers_are_listed_as_active(api: Api) -> None:
    modules = (await api.client.get("/v1/modules")).json()["modules"]
    assert {m["name"] for m in modules} >= {"slack", "csv", "json"}
    assert {(m["state"], m["is_built_in"]) for m in modules} == {("active", True)}


async def test_a_version_is_activated_and_rolled_back(api: Api) -> None:
    await added(api)
    answer = await api.client.post(f"{SLACK}/activate", json={"version": "2.0"})
    assert (answer.status_code, answer.json()["version"]) == (200, "2.0")
    assert await state_of(api, "slack", "2.0") == "active"
    back = (await api.client.post(f"{SLACK}/rollback")).json()
    assert (back["version"], back["step"]) == (None, "rolled_back")


async def test_a_parser_is_disabled(api: Api) -> None:
    answer = await api.client.post(f"{SLACK}/disable")
    assert (answer.status_code, answer.json()["is_disabled"]) == (200, True)
    assert await state_of(api, "slack", PARSERS["slack"].version) == "disabled"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"{SLACK}/activate", {"version": "9"}, 404),
        (f"{SLACK}/activate", {}, 422),
        (f"{SLACK}/rollback", None, 409),
        ("/v1/modules/parser/nothing/disable", None, 404),
        ("/v1/modules/printer/slack/disable", None, 422),
        ("/v1/reparse", {"parser": "slack", "below": "latest"}, 422),
    ],
)
async def test_what_cannot_be_is_a_problem(api: Api, path: str, body: Any, status: int) -> None:
    answer = await api.client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_has_not_passed_cannot_be_activated(api: Api) -> None:
    await added(api, ok=False)
    answer = await api.client.post(f"{SLACK}/activate", json={"version": "2.0"})
    assert answer.status_code == 409
    assert "it loses records" in answer.json()["detail"]


async def test_adding_is_refused_unless_the_setting_allows_it(api: Api) -> None:
    answer = await api.client.post("/v1/modules", data={"locator": "json:JSONDecoder"})
    assert answer.status_code == 403
    assert "HEADRACE_MODULES__ADDING" in answer.json()["detail"]


async def test_no_web_page_may_add(open_to_all: Api) -> None:
    headers = {"origin": "http://127.0.0.1:8000"}
    answer = await open_to_all.client.post("/v1/modules", data={"a": "b"}, headers=headers)
    assert answer.status_code == 403


async def test_a_wheel_is_added_over_rest_where_it_is_allowed(
    open_to_all: Api, tmp_path: Path
) -> None:
    wheel = a_wheel(tmp_path, NOTES_MODULE)
    answer = await open_to_all.client.post(
        "/v1/modules",
        data={"kind": "parser"},
        files=[
            ("wheel", (wheel.name, wheel.read_bytes())),
            ("samples", ("a.notes", NOTES)),
            ("samples", ("a.notes", NOTES + b"one more\n")),
        ],
    )
    assert answer.status_code == 201, answer.text
    module = answer.json()
    assert (module["name"], module["state"], module["error"]) == ("notes", "validated", None)
    assert all(check["ok"] for check in module["checks"])


@pytest.mark.parametrize("fields", [{}, {"kind": "printer", "locator": "json:JSONDecoder"}])
async def test_an_offer_without_code_or_of_no_kind_is_refused(
    open_to_all: Api, fields: dict[str, str]
) -> None:
    answer = await open_to_all.client.post("/v1/modules", data={**fields, "x": "y"})
    assert answer.status_code == 422, answer.text


async def test_reparse_names_the_files_that_are_read_again(api: Api) -> None:
    file = await api.import_file("a.csv", b"id,text\n1,hello\n2,there\n")
    answer = await api.client.post("/v1/reparse", json={"parser": "csv", "below": "3"})
    assert (answer.status_code, answer.json()) == (202, {"files": [file["id"]], "busy": []})
    assert (await api.file(file["id"]))["run"] == 2
