"""Edits, deletions, tombstones, threads and groups of a Slack export."""

from __future__ import annotations

import io
from itertools import permutations
from typing import Any

import pytest

from domain.models.files import Slice
from domain.models.records import DroppedItem, ParsedItem, Record, RejectedItem
from domain.parsers import slack_scan
from domain.parsers.slack import SlackParser
from tests.builders import items_in, parse_context, slack_export, slack_message

PARSER = SlackParser()
TS = "1700000000.000100"
LATER = "1700090000.000000"
DAY, NEXT_DAY = "general/2023-11-14", "general/2023-11-15"


def items_of(*days: list[Any], slice_bytes: int = 10_000_000) -> list[ParsedItem]:
    named = {f"general/2023-11-{14 + n}": messages for n, messages in enumerate(days)}
    return items_in(PARSER, slack_export(named), source_type="slack", slice_bytes=slice_bytes)


def records_of(*days: list[Any]) -> list[Record]:
    return [item for item in items_of(*days) if isinstance(item, Record)]


def rules_of(items: list[ParsedItem]) -> list[str]:
    return [item.rule for item in items if isinstance(item, DroppedItem)]


def changed(message: Any) -> dict[str, Any]:
    return {"type": "message", "subtype": "message_changed", "ts": LATER, "message": message}


def deleted(ts: str = TS) -> dict[str, Any]:
    return {"type": "message", "subtype": "message_deleted", "ts": LATER, "deleted_ts": ts}


EDITED = slack_message("new", edited={"user": "U1", "ts": "1700000900.000000"})


@pytest.mark.parametrize("rows", list(permutations([slack_message("old"), changed(EDITED)])))
def test_an_edits_text_wins_in_whatever_order_the_rows_come(rows: tuple[Any, Any]) -> None:
    newest = max(records_of([rows[0]], [rows[1]]), key=lambda record: record.version)
    assert (newest.content, newest.native_id) == ("new", f"C1:{TS}")


def test_a_change_that_is_no_edit_wins_over_the_same_state_without_it() -> None:
    unfurled = slack_message("see", attachments=[{"title": "A page"}])
    before, after = records_of([slack_message("see"), changed(unfurled)])
    assert after.version > before.version


def test_a_later_exports_state_wins_over_a_change_that_is_no_edit() -> None:
    reacted = slack_message("see", reactions=[{"name": "eyes", "count": 1}])
    change, later = records_of([changed(slack_message("see"))], [reacted])
    assert later.version > change.version


@pytest.mark.parametrize("slice_bytes", [1, 10_000_000], ids=["sliced", "whole"])
@pytest.mark.parametrize(
    "deletion",
    [
        deleted(),
        {"subtype": "message_deleted", "ts": LATER, "previous_message": slack_message()},
        slack_message("This message was deleted.", subtype="tombstone"),
        changed(slack_message("This message was deleted.", subtype="tombstone")),
    ],
    ids=["deleted", "deleted by its former self", "tombstone", "became a tombstone"],
)
def test_no_copy_of_a_message_that_a_later_day_deletes_is_kept(
    deletion: dict[str, Any], slice_bytes: int
) -> None:
    first = [slack_message("secret"), changed(EDITED)]
    items = items_of(first, [deletion], slice_bytes=slice_bytes)
    assert not [item for item in items if isinstance(item, Record)]
    assert rules_of(items)[:2] == ["deleted_message", "deleted_message"]
    assert rules_of(items)[2].startswith("subtype_")


@pytest.mark.parametrize(
    "row",
    [deleted(), slack_message("gone", subtype="tombstone")],
    ids=["deleted", "tombstone"],
)
def test_a_deletion_says_which_record_is_gone_in_whatever_version(row: dict[str, Any]) -> None:
    (record,) = records_of([EDITED])
    (item,) = items_of([row])
    assert isinstance(item, DroppedItem)
    assert item.tombstone
    assert (item.tombstone.source_type, item.tombstone.native_id) == ("slack", record.native_id)
    assert item.tombstone.version > record.version


def test_a_notice_is_no_proof_of_a_deletion() -> None:
    (item,) = items_of([slack_message("joined", subtype="channel_join")])
    assert isinstance(item, DroppedItem)
    assert item.tombstone is None


def test_a_change_without_the_message_is_read_as_it_stands() -> None:
    row = {"subtype": "message_changed", "ts": TS, "text": "bare"}
    assert [record.content for record in records_of([row])] == ["bare"]


def test_a_row_that_is_no_object_deletes_nothing() -> None:
    items = items_of(["message_deleted", "tombstone"])
    assert [type(item) for item in items] == [RejectedItem, RejectedItem]


def test_a_deletion_counts_in_its_own_conversation_only() -> None:
    days = {DAY: [slack_message()], "other/2023-11-14": [deleted()]}
    items = items_in(PARSER, slack_export(days), source_type="slack")
    assert [type(item) for item in items] == [Record, DroppedItem]


def test_a_deletion_that_names_no_message_deletes_none() -> None:
    items = items_of([slack_message(), {"subtype": "message_deleted", "ts": LATER}])
    assert isinstance(items[0], Record)


def test_deletions_in_a_day_too_large_to_hold_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_scan, "WHOLE_FILE_BYTES", 0)
    assert rules_of(items_of([slack_message()], [deleted()]))[0] == "deleted_message"


def test_a_broken_day_beside_a_deletion_is_rejected_once() -> None:
    days = {DAY: b'["message_deleted"', NEXT_DAY: [slack_message()]}
    first, second = items_in(PARSER, slack_export(days), source_type="slack")
    assert isinstance(first, RejectedItem)
    assert isinstance(second, Record)


def test_a_slice_planned_without_deletions_is_still_read() -> None:
    file = io.BytesIO(slack_export({DAY: [slack_message()]}))
    part = Slice(0, members=(f"{DAY}.json",))
    (item,) = PARSER.read(file, part, parse_context(source_type="slack"))
    assert isinstance(item, Record)


def test_replies_to_a_deleted_message_keep_their_thread() -> None:
    tombstone = slack_message("gone", subtype="tombstone", thread_ts=TS, reply_count=1)
    reply = slack_message("reply", LATER, thread_ts=TS)
    (record,) = records_of([tombstone], [reply])
    assert (record.thread, record.group) == (f"C1:{TS}", f"C1:thread:{TS}")


@pytest.mark.parametrize(
    ("message", "group"),
    [
        (slack_message(), "C1:2023-11-14"),
        (slack_message(ts="1700006399.999999"), "C1:2023-11-14"),
        (slack_message(ts="1700006400.000000"), "C1:2023-11-15"),
        (slack_message(thread_ts=TS, reply_count=1), f"C1:thread:{TS}"),
        (slack_message(ts=LATER, thread_ts=TS), f"C1:thread:{TS}"),
        (slack_message(replies=[{"user": "U1", "ts": LATER}]), f"C1:thread:{TS}"),
    ],
    ids=["alone", "before midnight", "midnight", "root", "reply", "old root"],
)
def test_messages_share_passages_by_thread_or_by_utc_day(
    message: dict[str, Any], group: str
) -> None:
    (record,) = records_of([message])
    assert record.group == group


def test_a_message_that_was_answered_later_moves_to_its_threads_group() -> None:
    alone, answered = slack_message(), slack_message(reply_count=1, latest_reply=LATER)
    before, after = records_of([alone], [answered])
    assert (before.group, after.group) == ("C1:2023-11-14", f"C1:thread:{TS}")
    assert after.version > before.version
