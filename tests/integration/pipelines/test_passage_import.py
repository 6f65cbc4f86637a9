"""Conversations from Slack exports, through the whole import side."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from domain.ledger import Ledger
from domain.models.chunks import EmbeddedChunk
from domain.models.files import ProcessingStatus
from domain.models.search import Query, SearchMode
from pipelines.querying import QueryEngine
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import ImportSide

DAY = "general/2026-03-01"
START = datetime(2026, 3, 1, 9, tzinfo=UTC).timestamp()


def ts(minute: int) -> str:
    return f"{START + 60 * minute:.6f}"


def said(text: str, minute: int, **fields: object) -> dict[str, object]:
    message: dict[str, object] = slack_message(text, ts(minute), **fields)
    return message


def export(*messages: dict[str, object], day: str = DAY) -> bytes:
    return slack_export({day: messages})


QUESTION = said("Can we ship on Friday?", 0)
ANSWER = said("Yes, the tests pass.", 1)
LATER = said("Shipped it!", 2)


async def texts(side: ImportSide) -> list[str]:
    """The text of every passage in the index, in order."""
    chunks: list[EmbeddedChunk] = list(side.index._chunks.values())
    return sorted(embedded.chunk.text for embedded in chunks)


async def test_a_conversation_is_one_passage_and_every_message_is_counted(
    import_side: ImportSide,
) -> None:
    report = await import_side.import_file("s.zip", export(QUESTION, ANSWER))

    assert (report.file.status, report.ledger) == (
        ProcessingStatus.COMPLETED,
        Ledger(read=2, indexed=2),
    )
    assert await texts(import_side) == ["ada: Can we ship on Friday?\nada: Yes, the tests pass."]
    assert await import_side.problems() == []


async def test_a_hit_names_the_message_that_fits_best(import_side: ImportSide) -> None:
    await import_side.import_file("s.zip", export(QUESTION, ANSWER))
    engine = QueryEngine(import_side.index, import_side.embedder)

    answer = await engine.answer(Query("do tests pass", SearchMode.KEYWORD))

    (hit,) = answer.hits
    stored = await import_side.metadata.records.get(hit.candidate.record_id)
    assert stored.record.content == "Yes, the tests pass."
    assert len(hit.candidate.members) == 2


async def test_the_same_export_again_composes_nothing(import_side: ImportSide) -> None:
    await import_side.import_file("s.zip", export(QUESTION, ANSWER))
    before = import_side.embedder.texts_embedded

    again = await import_side.import_file("s.zip", export(QUESTION, ANSWER))

    assert again.ledger == Ledger(read=2, unchanged=2)
    assert import_side.embedder.texts_embedded == before


async def test_a_late_message_joins_the_stored_conversation(import_side: ImportSide) -> None:
    await import_side.import_file("s.zip", export(QUESTION, ANSWER))

    await import_side.import_file("t.zip", export(LATER))

    (text,) = await texts(import_side)
    assert text.endswith("ada: Shipped it!")
    assert await import_side.problems() == []


async def test_a_late_reply_takes_the_first_message_of_its_thread_along(
    import_side: ImportSide,
) -> None:
    await import_side.import_file("s.zip", export(QUESTION, LATER))
    root = said("Can we ship on Friday?", 0, thread_ts=ts(0), reply_count=1, latest_reply=ts(60))
    reply = said("We could.", 60, thread_ts=ts(0))

    await import_side.import_file("t.zip", export(root, reply))

    assert await texts(import_side) == [
        "ada: Can we ship on Friday?\nada: We could.",
        "ada: Shipped it!",
    ]
    assert await import_side.problems() == []


async def test_an_edit_shows_in_the_passage(import_side: ImportSide) -> None:
    await import_side.import_file("s.zip", export(QUESTION, ANSWER))
    edited = said("No, a test fails.", 1, edited={"ts": ts(5)})

    await import_side.import_file("t.zip", export(edited))

    assert await texts(import_side) == ["ada: Can we ship on Friday?\nada: No, a test fails."]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["older-first", "newer-first"])
async def test_overlapping_exports_end_in_the_same_passages_in_any_order(
    import_side: ImportSide, order: tuple[int, int]
) -> None:
    exports = (export(QUESTION, ANSWER), export(ANSWER, LATER))

    for number in order:
        await import_side.import_file("s.zip", exports[number])

    assert await texts(import_side) == [
        "ada: Can we ship on Friday?\nada: Yes, the tests pass.\nada: Shipped it!"
    ]
    assert await import_side.problems() == []


async def test_exports_that_run_at_once_end_in_the_same_passages(import_side: ImportSide) -> None:
    many = [said(f"Word number {n}.", n) for n in range(40)]
    async with import_side.conducted():
        uploads = [
            import_side.upload(f"{n}.zip", export(*many[n : n + 25])) for n in (0, 5, 10, 15)
        ]
        file_ids = await asyncio.gather(*uploads)
        await asyncio.gather(*map(import_side.finished, file_ids))

    together = "\n".join(await texts(import_side))
    assert all(f"Word number {n}." in together for n in range(40))
    assert await import_side.problems() == []


@pytest.mark.parametrize("doomed", [0, 1])
async def test_deleting_a_file_takes_its_messages_out_of_the_passages(
    import_side: ImportSide, doomed: int
) -> None:
    exports = (export(QUESTION, ANSWER), export(ANSWER, LATER))
    reports = [await import_side.import_file(f"{n}.zip", each) for n, each in enumerate(exports)]

    await delete(import_side, reports[doomed].file.file_id)

    left = [
        "ada: Yes, the tests pass.\nada: Shipped it!",
        "ada: Can we ship on Friday?\nada: Yes, the tests pass.",
    ][doomed]
    assert await texts(import_side) == [left]
    names = {str(each.file_id) for each in import_side.index._chunks.values()}
    assert names == {str(reports[1 - doomed].file.file_id)}
    assert await import_side.problems() == []


async def test_deleting_the_only_file_leaves_no_passage(import_side: ImportSide) -> None:
    report = await import_side.import_file("s.zip", export(QUESTION, ANSWER))

    await delete(import_side, report.file.file_id)

    assert await texts(import_side) == []
    assert await import_side.problems() == []


async def test_a_file_is_not_nearly_done_before_its_passages_are_written(
    import_side: ImportSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.slice_progress.SHOWN_EVERY_SECONDS", 0.0)
    import_side.index.interrupt_at = 1
    async with import_side.conducted():
        file_id = await import_side.upload("s.zip", export(QUESTION, ANSWER))
        await import_side.index.interrupted.wait()
        report = await import_side.metadata.files.get(file_id)

    assert 0 < report.progress.fraction < 0.2


@pytest.mark.parametrize("interrupts_after", [False, True], ids=["before", "after"])
async def test_killed_around_the_write_to_the_index_the_passages_are_written_again(
    import_side: ImportSide, interrupts_after: bool
) -> None:
    import_side.index.interrupt_at = 1
    import_side.index.interrupts_after = interrupts_after
    async with import_side.conducted():
        file_id = await import_side.upload("s.zip", export(QUESTION, ANSWER))
        await import_side.index.interrupted.wait()
    import_side.index.interrupt_at = 0

    async with import_side.conducted():
        report = await import_side.finished(file_id)

    assert report.ledger == Ledger(read=2, indexed=2)
    assert len(await texts(import_side)) == 1
    assert await import_side.problems() == []


async def delete(side: ImportSide, file_id: object) -> None:
    await side.metadata.files.transition(file_id, ProcessingStatus.DELETING)
    async with side.conducted(), asyncio.timeout(30):
        while await side.metadata.queue.deleting(limit=10):
            await side.metadata.events.wait(timeout_seconds=0.05)
