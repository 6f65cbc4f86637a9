"""Records are staged ahead of embedding: found by words first, and accounted for all the same."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import pytest

from domain.errors import WorkerDiedError
from domain.ledger import Ledger
from domain.models.files import Claim, FileReport, ImportOptions, Slice
from domain.models.ids import FileId
from domain.models.records import ParsedItem
from domain.models.search import SearchFilter
from domain.parsers.registry import FixedParsers, ParserRegistry
from domain.ports.parser import ParseContext, Parser
from pipelines.conductor import ImportWorkers
from tests.integration.pipelines.conftest import CountingEmbedder, ImportSide, csv_of

ROWS = 200
BY_ID = ImportOptions(id_column="id")


class HeldEmbedder(CountingEmbedder):
    """Embeds once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_embed = threading.Event()

    def embed(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        assert self.may_embed.wait(timeout=60)
        return super().embed(texts)


class CountingParser:
    """Counts how often each slice is read."""

    def __init__(self, parser: Parser, reads: Counter[int]) -> None:
        self._parser = parser
        self._reads = reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def read(self, raw: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        self._reads[part.number] += 1
        return self._parser.read(raw, part, context)


class CountingParsers:
    """The built-in parsers, which count."""

    def __init__(self) -> None:
        self.reads: Counter[int] = Counter()

    async def current(self) -> ParserRegistry:
        return ParserRegistry()

    async def of_label(self, label: str) -> Parser:
        parser = await FixedParsers().of_label(label)
        return CountingParser(parser, self.reads)  # type: ignore[return-value]


async def report_when(
    side: ImportSide, file_id: FileId, is_so: Callable[[FileReport], bool]
) -> FileReport:
    async with asyncio.timeout(60):
        while not is_so(report := await side.metadata.files.get(file_id)):
            await side.metadata.events.wait(timeout_seconds=0.01)
    return report


def is_staged(report: FileReport) -> bool:
    return report.progress.found_by_words == ROWS


async def found(side: ImportSide, text: str) -> int:
    where = SearchFilter(phrases=(text,))
    return len(await side.metadata.arriving.search(text, limit=10, where=where, seen=None))


async def test_the_last_record_is_found_by_words_while_the_first_is_embedded(
    import_side: ImportSide,
) -> None:
    import_side.index.interrupt_at = 1
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", csv_of(ROWS))
        report = await report_when(import_side, file_id, is_staged)

        assert await found(import_side, f"row {ROWS - 1} speaks") == 1
        assert report.progress.found_by_meaning < ROWS / 2


async def test_words_and_meaning_are_both_shown_in_the_end(import_side: ImportSide) -> None:
    report = await import_side.import_file("notes.csv", csv_of(ROWS))

    assert (report.progress.found_by_words, report.progress.found_by_meaning) == (ROWS, ROWS)


@pytest.mark.parametrize("write", [1, 3, 8])
async def test_dying_after_staging_ends_in_the_same_ledger_as_never_having_died(
    import_side: ImportSide, write: int
) -> None:
    """With records that come twice in the file, in slices that are far from each other."""
    content = csv_of(ROWS) + b"\n" + csv_of(30).split(b"\n", 1)[1]
    import_side.index.interrupt_at = write
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", content, BY_ID)
        await import_side.index.interrupted.wait()
        await report_when(
            import_side, file_id, lambda report: report.progress.found_by_words == ROWS + 30
        )

    async with import_side.conducted():
        report = await import_side.finished(file_id)

    assert report.ledger == Ledger(read=ROWS + 30, indexed=ROWS, dropped={"duplicate": 30})
    assert await import_side.problems() == []


async def test_dying_while_staging_ends_in_the_same_ledger_as_never_having_died(
    import_side: ImportSide,
) -> None:
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", csv_of(ROWS))
        await report_when(import_side, file_id, lambda report: report.progress.found_by_words > 0)

    async with import_side.conducted():
        report = await import_side.finished(file_id)

    assert report.ledger == Ledger(read=ROWS, indexed=ROWS)
    assert await import_side.problems() == []


async def test_a_file_that_changes_another_ones_records_leaves_one_copy_of_each(
    import_side: ImportSide,
) -> None:
    """Both are staged before either is embedded."""
    import_side.embedder = embedder = HeldEmbedder()
    async with import_side.conducted():
        first = await import_side.upload("notes.csv", csv_of(ROWS), BY_ID)
        await report_when(import_side, first, is_staged)
        second = await import_side.upload("notes.csv", csv_of(ROWS, note="anew"), BY_ID)
        await report_when(import_side, second, is_staged)
        embedder.may_embed.set()
        ledgers = [(await import_side.finished(each)).ledger for each in (first, second)]

    assert ledgers == [Ledger(read=ROWS, indexed=ROWS)] * 2
    assert await import_side.metadata.records.count() == ROWS
    assert await import_side.problems() == []


async def test_what_is_unchanged_is_read_once(import_side: ImportSide) -> None:
    await import_side.import_file("notes.csv", csv_of(ROWS))
    import_side.parsers = parsers = CountingParsers()

    report = await import_side.import_file("notes.csv", csv_of(ROWS))

    assert report.ledger == Ledger(read=ROWS, unchanged=ROWS)
    assert len(parsers.reads) > 1
    assert set(parsers.reads.values()) == {1}


async def test_a_small_file_is_read_once(import_side: ImportSide) -> None:
    import_side.parsers = parsers = CountingParsers()

    await import_side.import_file("notes.csv", csv_of(40))

    assert set(parsers.reads.values()) == {1}


async def test_of_a_file_whose_worker_died_nothing_is_staged_ahead(
    import_side: ImportSide,
) -> None:
    claims: list[Claim] = []

    class DiesOnce:
        def __init__(self, workers: ImportWorkers) -> None:
            self._workers = workers

        async def import_file(self, claim: Claim) -> None:
            claims.append(claim)
            if len(claims) == 1:
                raise WorkerDiedError("the worker is gone")
            await self._workers.import_file(claim)

    import_side.parsers = parsers = CountingParsers()
    import_side.wrap_workers = DiesOnce

    report = await import_side.import_file("notes.csv", csv_of(ROWS))

    assert [claim.is_suspect for claim in claims] == [False, True]
    assert set(parsers.reads.values()) == {1}
    assert report.ledger == Ledger(read=ROWS, indexed=ROWS)


async def test_deleting_a_file_that_is_staged_and_not_embedded_leaves_nothing_of_it(
    import_side: ImportSide,
) -> None:
    import_side.index.interrupt_at = 1
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", csv_of(ROWS))
        await report_when(import_side, file_id, is_staged)

    await import_side.delete(file_id)

    assert await import_side.metadata.records.count() == 0
    assert await import_side.index.count() == 0
    assert not (await import_side.metadata.arriving.look(seen=None)).are_any
