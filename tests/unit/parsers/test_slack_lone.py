"""Arrays of Slack messages outside of any export."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, Record, RejectedItem
from domain.parsers.detection import detect
from domain.parsers.slack import SlackParser
from tests.builders import described, items_in, records_in, slack_message

PARSER = SlackParser()
TS = "1700000000.000100"


def packed(*elements: Any) -> bytes:
    return json.dumps(list(elements)).encode()


def detected(content: bytes, filename: str = "x.json", **options: Any) -> str:
    return detect(io.BytesIO(content), filename, **options).name


def native_ids(content: bytes, filename: str) -> list[str]:
    records = records_in(PARSER, content, filename=filename, source_type="slack")
    return [record.native_id for record in records]


MESSAGE = {"text": "hi", "user": "U1", "ts": TS}


@pytest.mark.parametrize(
    "elements",
    [
        [slack_message()],
        [MESSAGE],
        [{"text": "hi", "bot_id": "B1", "ts": TS}],
        [{"type": "message", "subtype": "channel_join", "ts": TS}],
        [{**MESSAGE, "ts": 1700000000.0001}],
    ],
)
def test_messages_are_known_by_their_content(elements: list[Any]) -> None:
    assert detected(packed(*elements)) == "slack"


@pytest.mark.parametrize(
    "content",
    [
        packed(),
        packed({"ts": TS}),
        packed({"type": "message", "text": "hi"}),
        packed({**MESSAGE, "ts": "1700000000"}),
        packed({**MESSAGE, "ts": "2023-11-14"}),
        packed(*[{"a": n} for n in range(8)], MESSAGE),
        json.dumps(MESSAGE).encode(),
        b'{"messages": [' + json.dumps(MESSAGE).encode() + b"]}",
    ],
)
def test_other_json_stays_json(content: bytes) -> None:
    assert detected(content) == "json"


def test_the_uploader_may_insist_on_json() -> None:
    assert detected(packed(MESSAGE), source="json") == "json"


def test_a_source_named_slack_needs_slack_content() -> None:
    with pytest.raises(UnreadableFileError, match="neither a Slack export nor"):
        described(PARSER, b"a,b\n1,2\n")


@pytest.mark.parametrize(
    ("fields", "filename", "native_id"),
    [
        ({"channel": "C9"}, "general/2023-11-14.json", f"C9:{TS}"),
        ({"channel": {"id": "C9", "name": "x"}}, "a.json", f"C9:{TS}"),
        ({"channel_name": "random"}, "a.json", f"random:{TS}"),
        ({"channel": {"name": "random"}}, "a.json", f"random:{TS}"),
        ({}, "export/general/2023-11-14.json", f"general:{TS}"),
    ],
    ids=["id", "object", "name", "name in object", "folder"],
)
def test_the_conversation_is_what_the_message_or_else_the_folder_says(
    fields: dict[str, Any], filename: str, native_id: str
) -> None:
    assert native_ids(packed({**MESSAGE, **fields}), filename) == [native_id]


def test_without_any_word_of_it_the_file_stands_for_its_conversation() -> None:
    one, other = packed(MESSAGE), packed(MESSAGE, MESSAGE)
    assert native_ids(one, "2023-11-14.json") == native_ids(one, "copy.json")
    assert native_ids(one, "a.json")[0] != native_ids(other, "a.json")[0]


def test_a_channel_that_is_named_keeps_its_name_beside_its_id() -> None:
    message = {**MESSAGE, "channel": "C9", "channel_name": "random"}
    (record,) = records_in(PARSER, packed(message), source_type="slack")
    assert (record.title, record.metadata["channel_id"]) == ("#random", "C9")


@pytest.mark.parametrize("folder", ["D0123456789", "mpdm-ada--grace-1"])
def test_direct_messages_are_not_for_everybody(folder: str) -> None:
    filename = f"{folder}/2023-11-14.json"
    (record,) = records_in(PARSER, packed(MESSAGE), filename=filename, source_type="slack")
    assert record.visibility == (f"slack:channel:{folder}",)


def test_a_thread_by_itself_hangs_together() -> None:
    root = {**MESSAGE, "thread_ts": TS}
    reply = {**MESSAGE, "ts": "1700000001.000000", "thread_ts": TS, "subtype": "thread_broadcast"}
    records = records_in(PARSER, packed(root, reply), source_type="slack")
    assert records[0].thread == records[1].thread
    assert records[0].group == records[1].group


def test_a_deletion_removes_the_message_from_whatever_slice() -> None:
    row = {"type": "message", "subtype": "message_deleted", "ts": TS, "deleted_ts": TS}
    items = items_in(PARSER, packed(MESSAGE, row), source_type="slack", slice_bytes=1)
    assert [item.rule for item in items if isinstance(item, DroppedItem)] == [
        "deleted_message",
        "subtype_message_deleted",
    ]


def test_a_deletion_that_names_no_message_deletes_none() -> None:
    content = packed(MESSAGE, {"type": "message", "subtype": "message_deleted", "ts": TS})
    assert [type(item) for item in items_in(PARSER, content, source_type="slack")] == [
        Record,
        DroppedItem,
    ]


CONVERSATION = {"id": "D0123456789", "created": 1, "members": ["U1"]}
USER = {"id": "U0123456789", "name": "ada", "profile": {"display_name": "ada"}}


@pytest.mark.parametrize(
    ("element", "rule"), [(CONVERSATION, "conversation_list"), (USER, "user_list")]
)
def test_lists_of_conversations_and_people_are_counted_without_content(
    element: dict[str, Any], rule: str
) -> None:
    content = packed(element, element)
    assert detected(content, "dms.json") == "slack"
    items = items_in(PARSER, content, source_type="slack")
    assert [item.rule for item in items if isinstance(item, DroppedItem)] == [rule, rule]


def test_the_description_says_what_is_missing() -> None:
    about = described(PARSER, packed({**MESSAGE, "channel_name": "random"}))
    assert (about["format"], about["channel_names"]) == ("slack_messages", ["#random"])
    assert "outside of an export" in about["notes"][0]
    assert described(PARSER, packed(USER))["format"] == "slack_users"


def test_broken_elements_are_rejected_and_the_others_still_come() -> None:
    good = json.dumps(MESSAGE).encode()
    many = b",".join([good] * 9)
    content = b"\xef\xbb\xbf[" + many + b',{"message_deleted" oops}, ,7,' + good + b"] trailing"
    items = items_in(PARSER, content, source_type="slack")
    assert sum(isinstance(item, Record) for item in items) == 10
    assert sum(isinstance(item, RejectedItem) for item in items) == 4


@given(
    texts=st.lists(st.text(max_size=20), min_size=1, max_size=12), slice_bytes=st.integers(1, 400)
)
def test_any_cutting_gives_the_same_items(texts: list[str], slice_bytes: int) -> None:
    content = packed(*({**MESSAGE, "text": text} for text in texts))
    whole = items_in(PARSER, content, source_type="slack")
    assert len(whole) == len(texts)
    assert items_in(PARSER, content, source_type="slack", slice_bytes=slice_bytes) == whole
