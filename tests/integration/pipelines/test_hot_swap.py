"""Parsers are swapped while files are imported."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from actors.modules.files import ModuleFiles
from actors.modules.following import FollowedParsers
from actors.modules.registry import ModuleRegistry, Offer
from actors.modules.testing import TestLimits
from domain.ledger import Ledger
from domain.models.files import FileReport, ProcessingStatus, Slice
from domain.models.ids import FileId
from domain.models.modules import ModuleKind
from domain.parsers.csv import CsvParser
from domain.parsers.detection import PARSERS
from domain.parsers.registry import FixedParsers, ParserRegistry, label_of
from pipelines.reparsing import reparse
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import ImportSide
from tests.module_builders import slack_wheel

PARSER = ModuleKind.PARSER
TABLE = b"id,text\n1,hello\n2,there\n"
SLACK = label_of(PARSERS["slack"])
THE_DAY = ("general/2026-01-31.json",)
FILES = 60


def an_export(number: int, messages: int = 2) -> bytes:
    texts = [
        slack_message(f"message {number}.{n}", ts=f"17{number:08}.{n:06}") for n in range(messages)
    ]
    return slack_export({"general/2026-01-31": texts})


@pytest.fixture
async def registry(import_side: ImportSide, tmp_path: Path) -> ModuleRegistry:
    """With a Slack parser 2.0 that may be activated; the import side follows it."""
    files = ModuleFiles(tmp_path / "modules")
    import_side.parsers = FollowedParsers(import_side.metadata.modules, files)
    registry = ModuleRegistry(import_side.metadata.modules, files, TestLimits(30, 2 << 30))
    sample = tmp_path / "sample.zip"
    sample.write_bytes(an_export(99))
    added = await registry.add(Offer(PARSER, wheel=slack_wheel(tmp_path), samples=[sample]))
    assert added.error is None
    return registry


async def activate(registry: ModuleRegistry) -> None:
    (module,) = [m for m in await registry.list() if m.key.label == "slack/2.0"]
    await registry.activate(module.key)


async def finished_count(side: ImportSide) -> int:
    return (await side.metadata.files.totals()).files.get(ProcessingStatus.COMPLETED, 0)


async def until_finished(side: ImportSide, count: int) -> None:
    async with asyncio.timeout(60):
        while await finished_count(side) < count:
            await side.metadata.events.wait(timeout_seconds=0.02)


async def readers(side: ImportSide) -> Counter[str]:
    """Which parser each stored record names, counted."""
    return Counter(
        [stored.parser async for page in side.metadata.records.expected() for stored in page]
    )


async def status_of(side: ImportSide, file_id: FileId) -> ProcessingStatus:
    return (await side.metadata.files.get(file_id)).file.status


async def test_a_parser_is_swapped_and_rolled_back_while_many_files_are_imported(
    import_side: ImportSide, registry: ModuleRegistry
) -> None:
    ids: list[FileId] = []
    async with import_side.conducted():
        for number in range(FILES):
            ids.append(await import_side.upload(f"{number}.zip", an_export(number)))
            if number == FILES // 3:
                await until_finished(import_side, 1)
                await activate(registry)
            if number == 2 * FILES // 3:
                await until_finished(import_side, FILES // 3 + 5)
                await registry.rollback(PARSER, "slack")
        reports: list[FileReport] = [await import_side.finished(id) for id in ids]

    assert {report.file.status for report in reports} == {ProcessingStatus.COMPLETED}
    assert {report.file.parser for report in reports} == {SLACK, "slack/2.0"}
    assert (await readers(import_side)).keys() == {SLACK, "slack/2.0"}
    assert (await readers(import_side)).total() == 2 * FILES
    assert reports[-1].file.parser == SLACK
    assert await import_side.problems() == []


async def test_a_file_under_way_ends_on_the_version_that_it_began_with(
    import_side: ImportSide, registry: ModuleRegistry
) -> None:
    import_side.index.interrupt_at = 1
    async with import_side.conducted():
        file_id = await import_side.upload("long.zip", an_export(1, messages=40))
        await import_side.index.interrupted.wait()
        assert await status_of(import_side, file_id) is ProcessingStatus.PROCESSING
        await activate(registry)
    async with import_side.conducted():
        await import_side.finished(file_id)

    assert await readers(import_side) == {SLACK: 40}


async def test_a_file_begun_on_a_module_ends_on_it_though_it_was_rolled_back(
    import_side: ImportSide, registry: ModuleRegistry, tmp_path: Path
) -> None:
    await activate(registry)
    import_side.index.interrupt_at = 1
    async with import_side.conducted():
        file_id = await import_side.upload("long.zip", an_export(1, messages=40))
        await import_side.index.interrupted.wait()
        assert await status_of(import_side, file_id) is ProcessingStatus.PROCESSING
    await registry.rollback(PARSER, "slack")
    import_side.parsers = FollowedParsers(  # as after a restart: nothing is loaded
        import_side.metadata.modules, ModuleFiles(tmp_path / "modules")
    )
    async with import_side.conducted():
        await import_side.finished(file_id)

    assert await readers(import_side) == {"slack/2.0": 40}


async def test_a_plan_and_the_version_that_made_it_stay_together(
    import_side: ImportSide, registry: ModuleRegistry
) -> None:
    file_id = await import_side.upload("a.zip", an_export(1))
    planner = import_side.planner()
    await planner.validate_file(file_id)
    await import_side.metadata.slices.plan(file_id, [Slice(0, members=THE_DAY)])
    await activate(registry)
    async with import_side.conducted():  # dying before the file was queued, the event comes again
        report = await import_side.finished(file_id)

    assert (report.file.status, report.file.parser) == (ProcessingStatus.COMPLETED, SLACK)


async def test_older_records_are_read_again_and_the_others_are_left(
    import_side: ImportSide, registry: ModuleRegistry
) -> None:
    old = await import_side.import_file("old.zip", an_export(1))
    await activate(registry)
    new = await import_side.import_file("new.zip", an_export(2))

    again = await reparse(import_side.metadata, parser="slack", below="2.0")
    async with import_side.conducted():
        await import_side.finished(old.file.file_id)

    assert (list(again.replayed), list(again.busy)) == ([old.file.file_id], [])
    assert await readers(import_side) == {"slack/2.0": 4}
    assert (await import_side.metadata.files.get(new.file.file_id)).file.run == 1
    assert (await reparse(import_side.metadata, parser="slack", below="2.0")).replayed == []


async def test_unchanged_records_name_the_version_that_read_them_last(
    import_side: ImportSide, registry: ModuleRegistry
) -> None:
    """The contents are the same, so that staging writes nothing else of them."""
    report = await import_side.import_file("a.csv", TABLE)
    relabelled = CsvParser()
    relabelled.version = "3"
    import_side.parsers = FixedParsers(ParserRegistry(modules={"csv": relabelled}))
    await reparse(import_side.metadata, parser="csv", below="3")
    async with import_side.conducted():
        again = await import_side.finished(report.file.file_id)

    assert again.ledger == Ledger(read=2, unchanged=2)
    assert await readers(import_side) == {"csv/3": 2}


async def test_a_file_that_is_not_finished_is_left_and_named(import_side: ImportSide) -> None:
    report = await import_side.import_file("a.csv", TABLE)
    await import_side.metadata.files.restart(report.file.file_id)

    again = await reparse(import_side.metadata, parser="csv", below="3")

    assert (list(again.replayed), list(again.busy)) == ([], [report.file.file_id])


async def test_a_disabled_parser_fails_its_files_until_it_is_back(
    import_side: ImportSide, registry: ModuleRegistry
) -> None:
    await registry.disable(PARSER, "slack")
    report = await import_side.import_file("a.zip", an_export(1))
    assert report.file.status is ProcessingStatus.FAILED
    assert "headrace modules rollback slack" in str(report.file.error)

    await registry.rollback(PARSER, "slack")
    await import_side.metadata.files.restart(report.file.file_id)
    async with import_side.conducted():
        again = await import_side.finished(report.file.file_id)
    assert again.file.status is ProcessingStatus.COMPLETED
