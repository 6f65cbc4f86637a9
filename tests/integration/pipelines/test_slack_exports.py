"""Slack exports that overlap: whatever their order, the newest state of every message stays."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from domain.models.files import ProcessingStatus
from domain.models.ids import derive_record_id
from domain.models.records import Record
from domain.models.search import SearchFilter
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import ImportSide

TS, REPLY_TS, LATER_TS = "1700000000.000100", "1700000060.000000", "1700090000.000000"
EDITED = {"user": "U1", "ts": "1700090000.000000"}
LINK = "https://acme.slack.com/team/U1"


def export(*messages: Any) -> bytes:
    return slack_export({"general/2023-11-14": list(messages)})


ROOT: dict[str, Any] = {"thread_ts": TS, "reply_count": 1, "latest_reply": REPLY_TS}
EXPORTS = {
    "1.zip": export(slack_message(f"first {LINK}")),
    "2.zip": export(
        slack_message(f"first {LINK}", **ROOT),
        slack_message("late reply", REPLY_TS, thread_ts=TS),
    ),
    "3.zip": export(
        slack_message(
            f"second {LINK}", **ROOT, edited=EDITED, reactions=[{"name": "tada", "count": 2}]
        ),
        slack_message("late reply", REPLY_TS, thread_ts=TS),
    ),
}


async def stored(import_side: ImportSide, ts: str) -> Record:
    record_id = derive_record_id("slack", f"C1:{ts}")
    return (await import_side.metadata.records.get(record_id)).record


@pytest.mark.parametrize("order", list(permutations(EXPORTS)), ids=" ".join)
async def test_the_newest_state_stays_whatever_order_the_exports_come_in(
    import_side: ImportSide, order: tuple[str, ...]
) -> None:
    for name in order:
        await import_side.import_file(name, EXPORTS[name])

    root = await stored(import_side, TS)
    assert root.content == f"second {LINK}"
    assert (root.metadata["reply_count"], root.metadata["edited_ts"]) == (1, EDITED["ts"])
    assert root.metadata["reactions"] == ["tada:2"]
    assert await import_side.metadata.records.count() == 2
    assert await import_side.problems() == []


async def test_what_an_older_export_brings_again_is_counted_as_older(
    import_side: ImportSide,
) -> None:
    await import_side.import_file("3.zip", EXPORTS["3.zip"])
    report = await import_side.import_file("2.zip", EXPORTS["2.zip"])

    assert report.file.status is ProcessingStatus.COMPLETED
    assert report.ledger.to_json() == {
        "read": 2, "indexed": 0, "unchanged": 1, "dropped": {"older_version": 1}, "failed": 0
    }  # fmt: skip


@pytest.mark.parametrize("known", [{}, ROOT], ids=["not known as root", "known as root"])
async def test_a_late_reply_joins_the_message_that_an_earlier_export_brought(
    import_side: ImportSide, known: dict[str, Any]
) -> None:
    await import_side.import_file("root.zip", export(slack_message(LINK, **known)))
    late = slack_message(f"late reply {LINK}", REPLY_TS, thread_ts=TS)
    await import_side.import_file("reply.zip", export(late))

    for ts in (TS, REPLY_TS):
        record_id = derive_record_id("slack", f"C1:{ts}")
        related = await import_side.metadata.records.thread(record_id)
        assert [each.record.native_id for each in related] == [f"C1:{TS}", f"C1:{REPLY_TS}"]


async def test_what_a_later_day_deletes_is_never_indexed(import_side: ImportSide) -> None:
    deletion = {"subtype": "message_deleted", "ts": "1700090000.000000", "deleted_ts": TS}
    import_side.slice_bytes = 1
    days = {"general/2023-11-14": [slack_message("secret")], "general/2023-11-15": [deletion]}
    report = await import_side.import_file("export.zip", slack_export(days))

    assert report.ledger.to_json()["dropped"] == {
        "deleted_message": 1, "subtype_message_deleted": 1
    }  # fmt: skip
    assert await import_side.index.count() == 0


LATER_EXPORTS = {
    "told.zip": export(slack_message("the secret pump")),
    "other.zip": export(slack_message("another day", "1700000300.000000")),
    "deleted.zip": export({"subtype": "message_deleted", "ts": LATER_TS, "deleted_ts": TS}),
}


@pytest.mark.parametrize("order", list(permutations(LATER_EXPORTS)), ids=" ".join)
async def test_what_another_export_says_was_deleted_is_found_no_more(
    import_side: ImportSide, order: tuple[str, ...]
) -> None:
    for name in order:
        await import_side.import_file(name, LATER_EXPORTS[name])

    found = await import_side.index.search_keyword("pump", limit=9, where=SearchFilter())
    assert found == []
    assert await import_side.metadata.records.count() == 1
    assert await import_side.problems() == []
