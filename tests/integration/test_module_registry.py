"""Modules as wheels and classes: tested in a process of their own, loaded side by side."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from actors.modules import testing
from actors.modules.files import ModuleFiles
from actors.modules.following import FollowedParsers
from actors.modules.loading import load_object, packages_in
from actors.modules.registry import ModuleRegistry, Offer
from actors.modules.testing import TestLimits, TestOrder, test_apart
from domain.errors import (
    ConflictError,
    FatalImportError,
    InvalidModuleError,
    ModuleUnavailableError,
    NotFoundError,
)
from domain.models.modules import ModuleKey, ModuleKind, ModuleState
from domain.parsers.detection import PARSERS
from domain.parsers.registry import label_of
from domain.ports.metadata_store import MetadataStore
from tests.builders import slack_export, slack_message
from tests.module_builders import NOTES, NOTES_MODULE, a_module, a_wheel, slack_wheel

run_apart = test_apart
del test_apart

LIMITS = TestLimits(seconds=20, memory_bytes=2 << 30)
PARSER = ModuleKind.PARSER
SLACK = label_of(PARSERS["slack"])


@pytest.fixture
def files(tmp_path: Path) -> ModuleFiles:
    return ModuleFiles(tmp_path / "modules")


@pytest.fixture
async def registry(metadata_store: MetadataStore, files: ModuleFiles) -> ModuleRegistry:
    return ModuleRegistry(metadata_store.modules, files, LIMITS)


@pytest.fixture
def parsers(metadata_store: MetadataStore, files: ModuleFiles) -> FollowedParsers:
    return FollowedParsers(metadata_store.modules, files)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "export.zip"
    path.write_bytes(slack_export({"general/2026-01-31": [slack_message("hello")]}))
    return path


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "my.notes"
    path.write_bytes(NOTES)
    return path


@pytest.fixture
async def swapped(registry: ModuleRegistry, tmp_path: Path, export: Path) -> ModuleKey:
    """A Slack parser 2.0 out of a wheel, in use."""
    added = await registry.add(Offer(PARSER, wheel=slack_wheel(tmp_path), samples=[export]))
    await registry.activate(added.key)
    return added.key


async def test_a_wheel_is_tested_and_kept(
    registry: ModuleRegistry, tmp_path: Path, notes: Path
) -> None:
    wheel = a_wheel(tmp_path, NOTES_MODULE)
    added = await registry.add(Offer(PARSER, wheel=wheel, samples=[notes]))
    assert added.error is None
    assert (added.key.label, added.state) == ("notes/1.0", ModuleState.VALIDATED)
    assert added.locator == "acme_notes:Parser"
    assert [check.name for check in added.checks][-1] == "ledger my.notes"


async def test_without_a_sample_it_is_kept_but_may_not_be_activated(
    registry: ModuleRegistry, tmp_path: Path
) -> None:
    added = await registry.add(Offer(PARSER, wheel=a_wheel(tmp_path, NOTES_MODULE)))
    assert added.state is ModuleState.ADDED
    with pytest.raises(ConflictError, match="--sample"):
        await registry.activate(added.key)


async def test_the_list_shows_what_a_module_stands_in_front_of(
    registry: ModuleRegistry, swapped: ModuleKey
) -> None:
    slack = [m for m in await registry.list() if m.key.name == "slack"]
    assert [(m.key.version, m.state, m.is_built_in) for m in slack] == [
        (PARSERS["slack"].version, ModuleState.VALIDATED, True),
        ("2.0", ModuleState.ACTIVE, False),
    ]


async def test_the_built_in_version_can_be_activated_again(
    registry: ModuleRegistry, swapped: ModuleKey, parsers: FollowedParsers
) -> None:
    await registry.activate(ModuleKey(PARSER, "slack", PARSERS["slack"].version))
    assert (await parsers.current()).modules == {}


async def test_what_nobody_knows_cannot_be_disabled(registry: ModuleRegistry) -> None:
    with pytest.raises(NotFoundError, match="modules list"):
        await registry.disable(PARSER, "nothing")


async def test_an_installed_class_is_tested_and_found_again(
    registry: ModuleRegistry, parsers: FollowedParsers, tmp_path: Path
) -> None:
    sample = tmp_path / "t.csv"
    sample.write_bytes(b"id,text\n1,hello\n2,there\n")
    locator = "tests.unit.parsers.test_self_test:Named"
    added = await registry.add(Offer(PARSER, locator=locator, samples=[sample]))
    assert (added.state, added.wheel) == (ModuleState.VALIDATED, None)
    await registry.activate(added.key)
    assert label_of((await parsers.current()).modules["acme"]) == "acme/1.0"


async def test_the_built_in_version_is_no_module(registry: ModuleRegistry, export: Path) -> None:
    with pytest.raises(ConflictError, match="is the built-in one"):
        await registry.add(
            Offer(PARSER, locator="domain.parsers.slack:SlackParser", samples=[export])
        )


async def test_workers_follow_what_is_in_use(
    registry: ModuleRegistry, parsers: FollowedParsers, swapped: ModuleKey, export: Path
) -> None:
    with export.open("rb") as file:
        first = (await parsers.current()).detect(file, "x.zip")
        await registry.rollback(PARSER, "slack")
        second = (await parsers.current()).detect(file, "x.zip")
    assert [label_of(first), label_of(second)] == ["slack/2.0", SLACK]


async def test_a_registry_that_somebody_holds_does_not_change(
    registry: ModuleRegistry, parsers: FollowedParsers, swapped: ModuleKey
) -> None:
    held = await parsers.current()
    await registry.disable(PARSER, "slack")
    assert label_of(held.modules["slack"]) == "slack/2.0"
    assert (await parsers.current()).disabled == {"slack"}


async def test_a_version_out_of_use_is_found_after_a_restart(
    registry: ModuleRegistry, parsers: FollowedParsers, swapped: ModuleKey
) -> None:
    await registry.rollback(PARSER, "slack")
    assert label_of(await parsers.of_label("slack/2.0")) == "slack/2.0"
    assert label_of(await parsers.of_label(SLACK)) == SLACK


async def test_a_version_that_never_was_is_gone(parsers: FollowedParsers) -> None:
    with pytest.raises(FatalImportError, match="replay the file"):
        await parsers.of_label("slack/0.1")


async def test_code_that_was_removed_is_unpacked_again(
    parsers: FollowedParsers, swapped: ModuleKey, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "modules" / "parser")
    assert label_of(await parsers.of_label("slack/2.0")) == "slack/2.0"


async def test_a_module_in_use_that_cannot_be_loaded_is_waited_for_and_named(
    parsers: FollowedParsers, swapped: ModuleKey, metadata_store: MetadataStore, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "modules")
    with pytest.raises(ModuleUnavailableError, match="headrace modules rollback slack"):
        await parsers.current()
    assert "is gone or damaged" in str((await metadata_store.modules.get(swapped)).error)


async def test_an_installed_class_that_changed_its_version_is_not_taken_for_the_old(
    parsers: FollowedParsers, metadata_store: MetadataStore
) -> None:
    await metadata_store.modules.put(a_module("slack", "3.0"))
    await metadata_store.modules.put(
        type(a_module())(
            ModuleKey(PARSER, "csv", "9"), "domain.parsers.csv:CsvParser", a_module().checks
        )
    )
    with pytest.raises(ModuleUnavailableError, match="calls itself csv/2 now, not csv/9"):
        await parsers.of_label("csv/9")


def test_two_versions_of_one_package_live_side_by_side(files: ModuleFiles, tmp_path: Path) -> None:
    loaded = []
    for version in ("2.0", "2.1"):
        wheel = slack_wheel(tmp_path, version=version)
        directory = tmp_path / version
        files.unpack(files.keep_wheel(wheel), wheel.name, directory)
        loaded.append(load_object("acme_slack:Parser", directory))
    assert [label_of(parser) for parser in loaded] == ["slack/2.0", "slack/2.1"]


def test_a_wheel_may_not_hide_what_is_installed(files: ModuleFiles, tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path, "", package="domain")
    with pytest.raises(InvalidModuleError, match="rename it"):
        files.unpack(files.keep_wheel(wheel), wheel.name, tmp_path / "code")


@pytest.mark.parametrize(
    ("name", "content"), [("code.zip", b""), ("acme-1.0-py3-none-any.whl", b"no zip")]
)
def test_what_is_no_wheel_is_refused(
    files: ModuleFiles, tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidModuleError):
        files.unpack(files.keep_wheel(path), name, tmp_path / "code")


async def test_a_wheel_that_names_no_class_needs_one_named(
    registry: ModuleRegistry, tmp_path: Path
) -> None:
    wheel = a_wheel(tmp_path, NOTES_MODULE, entry_points=None)
    with pytest.raises(InvalidModuleError, match="--locator"):
        await registry.add(Offer(PARSER, wheel=wheel))


@pytest.mark.parametrize("locator", ["acme", "acme:", "no_such_package:Parser", "json:NoClass"])
def test_a_locator_that_leads_nowhere_is_refused(locator: str) -> None:
    with pytest.raises(InvalidModuleError):
        load_object(locator, None)


def module_in(directory: Path, code: str) -> TestOrder:
    (directory / "acme_bad").mkdir()
    (directory / "acme_bad" / "__init__.py").write_text(code)
    assert packages_in(directory) == ["acme_bad"]
    return TestOrder(PARSER, "acme_bad:Parser", directory)


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        pytest.param("import os; os._exit(3)", "ended with status 3", id="exits"),
        pytest.param("import os; os.abort()", "ended by SIGABRT", id="aborts"),
        pytest.param("while True: pass", "seconds of a processor", id="spins"),
        pytest.param("raise ValueError('oh')", "ValueError: oh", id="raises"),
        pytest.param("x = b'1' * (3 << 30)", "MemoryError", id="eats memory"),
        pytest.param("class Parser: name = '../up'; version = '1'", "name '../up'", id="climbs"),
        pytest.param(
            "class Parser: name = 'a'; version = 'x y'", "is no version", id="unversioned"
        ),
    ],
)
def test_bad_code_harms_only_the_process_that_tests_it(
    tmp_path: Path, code: str, complaint: str
) -> None:
    order = module_in(tmp_path, code)
    with pytest.raises(InvalidModuleError, match=complaint):
        run_apart(order, TestLimits(seconds=2, memory_bytes=1 << 30))


def test_code_that_waits_for_ever_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "STARTING_SECONDS", 0.5)
    order = module_in(tmp_path, "import threading; threading.Event().wait()")
    with pytest.raises(InvalidModuleError, match="did not end within"):
        run_apart(order, TestLimits(seconds=1, memory_bytes=1 << 30))


def test_the_code_under_test_sees_none_of_our_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_POSTGRES__DSN", "secret")
    order = module_in(tmp_path, "import os; raise ValueError(sorted(os.environ))")
    with pytest.raises(InvalidModuleError) as caught:
        run_apart(order, LIMITS)
    assert "HEADRACE" not in caught.value.message


def test_a_storage_is_tested_by_its_own_rules(tmp_path: Path) -> None:
    code = Path(__file__).parents[1] / "unit" / "test_storage_self_test.py"
    (tmp_path / "acme_bad").mkdir()
    body = code.read_text().partition("class Renaming")[0].partition("class Storage:")[2]
    (tmp_path / "acme_bad" / "__init__.py").write_text("class Storage:" + body)
    seen = run_apart(TestOrder(ModuleKind.STORAGE, "acme_bad:Storage", tmp_path), LIMITS)
    assert (seen.name, all(check.ok for check in seen.checks)) == ("acme", True)
