"""Files shared in Slack, in exports that hold their bytes."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.models.records import ContentType, DroppedItem, ParsedItem, Record, RejectedItem
from domain.parsers import slack_files
from domain.parsers.slack import SlackParser
from tests.builders import (
    items_in,
    slack_channel,
    slack_export,
    slack_message,
    zip_of,
)
from tests.document_builders import docx_of, pdf_of

PARSER = SlackParser()
TS = "1700000000.000100"
DAY = "general/2023-11-14"
FILE = {
    "id": "F0000001",
    "name": "plan.txt",
    "title": "The plan",
    "mimetype": "text/plain",
    "filetype": "text",
    "created": 1700000000,
}
UPLOAD = "__uploads/F0000001/plan.txt"


def items_of(
    content: bytes = b"buy low", *, upload: str = UPLOAD, slice_bytes: int = 10_000_000, **days: Any
) -> list[ParsedItem]:
    messages = {DAY: [slack_message(files=[FILE])], **days.get("days", {})}
    export = slack_export(messages, others={upload: content} | days.get("others", {}))
    return items_in(PARSER, export, source_type="slack", slice_bytes=slice_bytes)


def file_item(content: bytes = b"buy low", **export: Any) -> ParsedItem:
    return items_of(content, **export)[-1]


def file_record(content: bytes = b"buy low", **export: Any) -> Record:
    item = file_item(content, **export)
    assert isinstance(item, Record)
    return item


def rule_of(item: ParsedItem) -> str:
    assert isinstance(item, DroppedItem)
    return item.rule


def test_a_shared_text_file_is_a_document_of_its_own() -> None:
    record = file_record()
    assert record == Record(
        source_type="slack",
        native_id="file:F0000001",
        content_type=ContentType.DOCUMENT,
        content="buy low",
        place=record.place,
        title="The plan",
        author="ada",
        timestamp=datetime(2023, 11, 14, 22, 13, 20, 100, tzinfo=UTC),
        metadata={
            "channel": "general",
            "channel_id": "C1",
            "channel_type": "public",
            "author": "ada",
            "file_id": "F0000001",
            "filename": "plan.txt",
            "message_ts": TS,
            "user_id": "U1",
            "mimetype": "text/plain",
            "filetype": "text",
        },
        version="001700000000/0",
    )


@pytest.mark.parametrize("slice_bytes", [1, 10_000_000], ids=["sliced", "whole"])
@pytest.mark.parametrize(
    "upload", [UPLOAD, "general/attachments/F0000001-plan.txt", f"export/{UPLOAD}"]
)
def test_files_are_found_where_tools_put_them(upload: str, slice_bytes: int) -> None:
    assert file_record(upload=upload, slice_bytes=slice_bytes).content == "buy low"


def test_a_file_shared_in_a_thread_belongs_to_it() -> None:
    link = slack_message("https://acme.slack.com/team/U1", "1699999999.000000")
    reply = slack_message(files=[FILE], thread_ts="1699999999.000000")
    record = file_record(days={DAY: [link, reply]})
    assert record.thread == "C1:1699999999.000000"
    assert record.metadata["thread_ts"] == "1699999999.000000"
    assert record.url == (
        "https://acme.slack.com/archives/C1/p1700000000000100?thread_ts=1699999999.000000&cid=C1"
    )


def test_a_file_of_a_private_conversation_is_seen_by_its_members_only() -> None:
    channels = [slack_channel(is_private=True, members=["U1", "U2"])]
    export = slack_export(
        {DAY: [slack_message(files=[FILE])]}, channels=channels, others={UPLOAD: b"secret"}
    )
    record = items_in(PARSER, export, source_type="slack")[-1]
    assert isinstance(record, Record)
    assert record.visibility == ("slack:user:U1", "slack:user:U2")


def test_a_file_shared_twice_stands_by_its_first_message_for_all_who_saw_it() -> None:
    dms = {"dms.json": [{"id": "D1", "members": ["U1", "U2"]}, {"id": "D2", "members": ["U3"]}]}
    shares = {
        DAY: [],
        "D1/2023-11-15": [slack_message(ts="1700090000.000000", files=[FILE])],
        "D2/2023-11-14": [slack_message(files=[FILE])],
    }
    record = file_record(days=shares, others=dms)
    assert record.metadata["channel_id"] == "D2"
    assert set(record.visibility) == {"slack:user:U1", "slack:user:U2", "slack:user:U3"}


def deletion(ts: str) -> Any:
    return {"subtype": "message_deleted", "ts": "1700090001.000000", "deleted_ts": ts}


def test_a_file_whose_message_was_deleted_is_left_out() -> None:
    days = {DAY: [slack_message(files=[FILE]), deletion(TS)]}
    assert rule_of(file_item(days=days)) == "deleted_message"


def test_a_file_whose_first_message_was_deleted_stands_by_the_next() -> None:
    again = slack_message(ts="1700000001.000000", files=[FILE])
    days = {DAY: [slack_message(files=[FILE]), again, deletion(TS)]}
    assert file_record(days=days).metadata["message_ts"] == "1700000001.000000"


def test_a_file_that_came_with_an_edit_is_found() -> None:
    row = {"subtype": "message_changed", "ts": "1.0", "message": slack_message(files=[FILE])}
    assert file_record(days={DAY: [row]}).metadata["message_ts"] == TS


OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)


def test_a_shared_pdf_is_a_document_with_its_pages() -> None:
    record = file_record(pdf_of("Buy low.", "Sell high."))
    assert (record.native_id, record.content_type) == ("file:F0000001", ContentType.DOCUMENT)
    pages = [
        (segment.metadata["page"], record.content[segment.start : segment.end])
        for segment in record.segments
    ]
    assert pages == [(1, "Buy low."), (2, "Sell high.")]


def test_a_shared_word_file_is_read_in_the_name_of_its_message() -> None:
    record = file_record(docx_of("Buy low."))
    assert (record.content, record.metadata["message_ts"]) == ("Buy low.", TS)


def test_a_damaged_pdf_is_rejected_and_its_neighbours_are_read() -> None:
    message, item = items_of(b"%PDF-1.7")
    assert isinstance(message, Record)
    assert isinstance(item, RejectedItem)


def test_a_document_too_large_to_hold_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_files, "MAX_DOCUMENT_BYTES", 10)
    assert rule_of(file_item(pdf_of("Buy low."))) == "uploaded_file_too_large"


@pytest.mark.parametrize(
    "content",
    [OLD_OFFICE, b"\x89PNG\r\n", b"PK\x03\x04", gzip.compress(b"text"), bytes(range(32)) * 4],
    ids=["old office", "image", "zip", "gzip", "unknown binary"],
)
def test_what_is_no_text_is_dropped_by_rule_whatever_it_is_called(content: bytes) -> None:
    assert rule_of(file_item(content)) == "uploaded_file"


def test_a_file_that_no_message_shares_is_dropped() -> None:
    assert rule_of(file_item(days={DAY: [slack_message(), "no object"]})) == "uploaded_file"


def test_a_blank_file_is_dropped() -> None:
    assert rule_of(file_item(b" \n")) == "empty_file"


def test_a_file_beyond_the_limit_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_files, "MAX_FILE_BYTES", 3)
    assert rule_of(file_item(b"long")) == "uploaded_file_too_large"


def test_a_page_is_read_as_its_text() -> None:
    page = b"<html><head><title>T</title></head><body><p>one</p><p>two</p></body></html>"
    assert file_record(page).content == "one\ntwo"


def test_other_charsets_are_read() -> None:
    assert file_record("\ufeffGrüße".encode("utf-16")).content.endswith("Grüße")


def test_a_file_of_which_little_is_known_is_called_by_its_id() -> None:
    message = slack_message(user=None, files=[{"id": "F0000001"}, {"id": "F0000002"}])
    record = file_record(days={DAY: [message]})
    assert (record.title, record.author) == ("F0000001", "unknown")
    assert not {"user_id", "mimetype"} & set(record.metadata)


def test_a_damaged_file_is_rejected_and_costs_no_message() -> None:
    export = slack_export({DAY: [slack_message(files=[FILE])]}, others={UPLOAD: b"text" * 50})
    damaged = bytearray(export)
    at = damaged.index(UPLOAD.encode()) + len(UPLOAD)
    damaged[at : at + 4] = b"\xff\xff\xff\xff"
    message, file = items_in(PARSER, bytes(damaged), source_type="slack")
    assert isinstance(message, Record)
    assert isinstance(file, RejectedItem)


CANVAS = "general/canvas_in_the_conversation.html"


def test_a_canvas_that_is_a_page_is_a_document_of_its_conversation() -> None:
    page = b"<!doctype html><html><body><h1>Launch</h1><p>in May</p></body></html>"
    record = file_record(others={CANVAS: page})
    assert record.native_id == "canvas:C1/canvas_in_the_conversation.html"
    assert (record.content, record.title) == ("Launch\nin May", "Canvas in #general")
    assert record.visibility == ("public",)


@pytest.mark.parametrize("content", [b"[]", b'[{"url": "x"}]', b"<html></html>"])
def test_a_canvas_without_content_is_only_counted(content: bytes) -> None:
    assert rule_of(file_item(others={CANVAS: content})) == "canvas"


def test_a_damaged_canvas_is_rejected() -> None:
    export = slack_export({DAY: []}, others={CANVAS: b"<html>" + b"text" * 50})
    damaged = bytearray(export)
    at = damaged.index(CANVAS.encode()) + len(CANVAS)
    damaged[at : at + 4] = b"\xff\xff\xff\xff"
    (item,) = items_in(PARSER, bytes(damaged), source_type="slack")
    assert isinstance(item, RejectedItem)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("lists.json", "lists"),
        ("huddle_transcripts.json", "huddle"),
        ("__avatars/U1.png", "avatar"),
        ("canvases.json", "canvas"),
        ("content_flags.json", "content_flags"),
        ("readme.txt", "no_message_file"),
    ],
)
def test_everything_else_is_counted_by_a_named_rule(name: str, rule: str) -> None:
    items = items_in(PARSER, slack_export({DAY: []}, others={name: b"[]"}), source_type="slack")
    assert [rule_of(item) for item in items] == [rule]


def test_an_export_as_text_is_refused_before_its_direct_messages_become_public() -> None:
    texts = {"channels/general.txt": b"hello", "dms/grace.txt": b"secret", "files/a.png": b""}
    with pytest.raises(slack_files.UnreadableFileError, match="ask Slack for the same export"):
        items_in(PARSER, zip_of(texts), source_type="slack")
