"""Records show the names of others, in whatever order and file these come."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import pytest

from domain.ledger import Ledger
from domain.models.files import FileReport, ProcessingStatus, Slice
from domain.models.records import ParsedItem, Record
from domain.models.search import SearchFilter
from domain.parsers.detection import PARSERS
from domain.parsers.json import JsonParser
from domain.ports.parser import ParseContext
from domain.references import reference
from tests.integration.pipelines.conftest import ImportSide

_REFERENCE = re.compile(r"<(\w+)>")


class NamingParser(JsonParser):
    """JSON whose ``names`` are published, and where ``<key>`` in a text is a reference."""

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        for item in super().read(file, part, context):
            yield _naming(item) if isinstance(item, Record) else item


def _naming(record: Record) -> Record:
    row = record.metadata
    return replace(
        record,
        native_id=str(row["id"]),
        content=_REFERENCE.sub(lambda found: reference(found[1], found[1]), row["text"]),
        metadata={},
        title=None,
        names=row.get("names", {}),
        version=row.get("version", ""),
        visibility=tuple(row.get("visibility", ["public"])),
    )


@pytest.fixture(autouse=True)
def naming_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PARSERS, "json", NamingParser())  # type: ignore[arg-type]


def deals(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"id": f"deal {n}", "text": f"deal {n} sold to <account>"}
        for n in range(first, first + count)
    ]


def account(name: str = "Acme", **fields: Any) -> dict[str, Any]:
    return {"id": "account", "text": f"account {name}", "names": {"account": name}, **fields}


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


async def shown_in_index(import_side: ImportSide) -> set[str]:
    """What the deals in the index are said to be sold to."""
    found = await import_side.index.search_keyword("sold", limit=10_000, where=SearchFilter())
    return {one.read().text.partition("sold to ")[2] for one in found}


async def brought(import_side: ImportSide, *rows: dict[str, Any]) -> FileReport:
    return await import_side.import_file("rows.jsonl", lines(*rows))


async def deleted(import_side: ImportSide, report: FileReport) -> None:
    file_id = report.file.file_id
    async with import_side.conducted(), asyncio.timeout(30):
        await import_side.metadata.files.transition(file_id, ProcessingStatus.DELETING)
        while file_id in [one.file.file_id for one in await import_side.metadata.files.list()]:
            await import_side.metadata.events.wait(timeout_seconds=0.05)


async def test_a_name_in_an_earlier_file_is_shown(import_side: ImportSide) -> None:
    await brought(import_side, account())
    await brought(import_side, *deals(3))

    assert await shown_in_index(import_side) == {"Acme"}
    assert await import_side.problems() == []


async def test_a_name_in_a_later_file_is_shown(import_side: ImportSide) -> None:
    await brought(import_side, *deals(3))
    assert await shown_in_index(import_side) == {"account"}

    await brought(import_side, account())

    assert await shown_in_index(import_side) == {"Acme"}
    assert await import_side.problems() == []


async def test_a_name_in_a_later_slice_is_shown(import_side: ImportSide) -> None:
    import_side.slice_bytes = 1_000
    report = await brought(import_side, *deals(100), account())

    assert await shown_in_index(import_side) == {"Acme"}
    assert report.ledger == Ledger(read=101, indexed=101)
    assert await import_side.problems() == []


async def test_a_renamed_account_is_shown_by_all_its_deals(import_side: ImportSide) -> None:
    await brought(import_side, account(version="1"), *deals(150))

    await brought(import_side, account("Apex", version="2"))

    assert await shown_in_index(import_side) == {"Apex"}
    assert await import_side.problems() == []


async def test_a_longer_name_may_take_more_chunks_and_a_shorter_one_fewer(
    import_side: ImportSide,
) -> None:
    await brought(import_side, account("long " * 300, version="1"), *deals(2))
    chunks = await import_side.index.count()

    await brought(import_side, account("short", version="2"))

    assert await import_side.index.count() < chunks
    assert await import_side.problems() == []


async def test_the_deals_again_are_unchanged_and_keep_the_name(import_side: ImportSide) -> None:
    await brought(import_side, *deals(5))
    await brought(import_side, account())
    embedded_before = import_side.embedder.texts_embedded

    again = await brought(import_side, *deals(5))

    assert again.ledger == Ledger(read=5, unchanged=5)
    assert import_side.embedder.texts_embedded == embedded_before
    assert await shown_in_index(import_side) == {"Acme"}


async def test_files_that_are_imported_side_by_side_agree(import_side: ImportSide) -> None:
    files = [lines(*deals(40, first=40 * n)) for n in range(4)]
    files[2:2] = [lines(account(f"name {n}", version=str(n))) for n in range(4)]
    async with import_side.conducted():
        uploads = [await import_side.upload(f"{n}.jsonl", file) for n, file in enumerate(files)]
        for file_id in uploads:
            await import_side.finished(file_id)

    assert await shown_in_index(import_side) == {"name 3"}
    assert await import_side.problems() == []


@pytest.mark.parametrize("moment", ["interrupt_at", "interrupt_after"])
@pytest.mark.parametrize("write", [1, 2, 3])
async def test_dying_while_records_are_renamed_is_made_good(
    import_side: ImportSide, moment: str, write: int
) -> None:
    """Write 1 is the account itself, the later ones are pages of the deals that follow."""
    await brought(import_side, *deals(80))
    setattr(import_side.index, moment, import_side.index.writes + write)
    async with import_side.conducted():
        file_id = await import_side.upload("account.jsonl", lines(account()))
        await import_side.index.interrupted.wait()

    async with import_side.conducted():
        report = await import_side.finished(file_id)

    assert report.ledger == Ledger(read=1, indexed=1)
    assert await shown_in_index(import_side) == {"Acme"}
    assert await import_side.problems() == []


async def test_a_name_goes_with_its_file(import_side: ImportSide) -> None:
    await brought(import_side, *deals(3))
    publisher = await brought(import_side, account())

    await deleted(import_side, publisher)

    assert await shown_in_index(import_side) == {"account"}
    assert await import_side.problems() == []


async def test_a_private_name_stays_out_of_public_records(import_side: ImportSide) -> None:
    await brought(import_side, *deals(2), account(visibility=["ada"]))

    assert await shown_in_index(import_side) == {"account"}
    assert await import_side.problems() == []


async def test_names_of_a_file_that_breaks_off_are_followed(import_side: ImportSide) -> None:
    await brought(import_side, *deals(3))

    report = await import_side.import_file("broken.json", lines(account()) + b'[{"id": 1')

    assert report.file.status is not ProcessingStatus.COMPLETED
    assert await shown_in_index(import_side) == {"Acme"}
