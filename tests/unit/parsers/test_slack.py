from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import UnreadableFileError
from domain.models.files import ImportOptions, Slice
from domain.models.records import (
    ContentType,
    DroppedItem,
    ParsedItem,
    Place,
    Record,
    RejectedItem,
)
from domain.parsers import slack_json
from domain.parsers.slack import SlackParser
from domain.ports.parser import ArchiveLimits, ParseContext
from tests.builders import slack_channel, slack_export, slack_message, slack_user, zip_of

PARSER = SlackParser()
CONTEXT = ParseContext("export.zip", "slack", "0" * 64, ImportOptions())
DAY = "general/2023-11-14"
TS = "1700000000.000100"


def items_of(export: bytes, *, slice_bytes: int = 10_000_000) -> list[ParsedItem]:
    file = io.BytesIO(export)
    return [
        item
        for part in PARSER.plan(file, CONTEXT, slice_bytes=slice_bytes)
        for item in PARSER.read(file, part, CONTEXT)
    ]


def item_of(message: Any, **export: Any) -> ParsedItem:
    (item,) = items_of(slack_export({DAY: [message]}, **export))
    return item


def record_of(message: Any, **export: Any) -> Record:
    item = item_of(message, **export)
    assert isinstance(item, Record)
    return item


def rules_of(export: bytes) -> Counter[str]:
    return Counter(item.rule for item in items_of(export) if isinstance(item, DroppedItem))


def test_a_message_becomes_a_record() -> None:
    record = record_of(slack_message("hi &amp; welcome", TS))
    assert record == Record(
        source_type="slack",
        native_id=f"C1:{TS}",
        content_type=ContentType.MESSAGE,
        content="hi & welcome",
        place=record.place,
        title="#general",
        author="ada",
        timestamp=datetime(2023, 11, 14, 22, 13, 20, 100, tzinfo=UTC),
        metadata={
            "channel": "general",
            "channel_id": "C1",
            "channel_type": "public",
            "author": "ada",
            "user_id": "U1",
            "is_bot": False,
            "is_reply": False,
        },
        version=f"{TS}//000000/000000/0",
        visibility=("public",),
        group="C1:2023-11-14",
    )


def test_records_carry_the_source_type_of_the_import() -> None:
    context = ParseContext("x", "community", "0" * 64, ImportOptions())
    file = io.BytesIO(slack_export({DAY: [slack_message()]}))
    (part,) = PARSER.plan(file, context, slice_bytes=1000)
    (item,) = PARSER.read(file, part, context)
    assert isinstance(item, Record)
    assert item.source_type == "community"


def test_the_original_ts_survives_to_the_last_digit() -> None:
    record = record_of(slack_message(ts="1999999999.999999"))
    assert record.native_id == "C1:1999999999.999999"
    assert record.timestamp == datetime(2033, 5, 18, 3, 33, 19, 999999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ts", "text"), [(1700000000.0001, "1700000000.000100"), (1700000000, "1700000000")]
)
def test_a_ts_written_as_a_number_is_read(ts: float, text: str) -> None:
    assert record_of(slack_message(ts=ts)).native_id == f"C1:{text}"


def test_the_time_of_an_edit_is_metadata() -> None:
    record = record_of(slack_message(edited={"user": "U1", "ts": "1700000900.000000"}))
    assert record.metadata["edited_ts"] == "1700000900.000000"


@pytest.mark.parametrize(
    "later",
    [
        {"edited": {"user": "U1", "ts": "1700000900.000000"}},
        {"thread_ts": TS, "reply_count": 1, "latest_reply": "1700000100.000000"},
        {"reactions": [{"name": "eyes", "users": ["U1"], "count": 1}]},
    ],
    ids=["edited", "replied to", "reacted to"],
)
def test_a_copy_to_which_more_has_happened_is_a_later_version(later: dict[str, object]) -> None:
    assert record_of(slack_message(**later)).version > record_of(slack_message()).version


def test_reactions_and_files_are_metadata() -> None:
    record = record_of(
        slack_message(
            reactions=[{"name": "tada", "users": ["U1", "U2"], "count": 2}, {"name": "eyes"}],
            files=[{"name": "plan.pdf", "title": "Plan"}, {"mode": "tombstone"}],
        )
    )
    assert record.metadata["reactions"] == ["tada:2", "eyes:1"]
    assert record.metadata["files"] == ["plan.pdf"]


def test_replies_in_a_later_day_belong_to_the_parents_thread() -> None:
    parent = slack_message("parent", TS, thread_ts=TS, reply_count=1)
    reply = slack_message("reply", "1700090000.000000", thread_ts=TS, parent_user_id="U1")
    alone = slack_message("alone", "1700090001.000000")
    items = items_of(slack_export({DAY: [parent], "general/2023-11-15": [reply, alone]}))
    threads = [item.thread for item in items if isinstance(item, Record)]
    assert threads == [f"C1:{TS}", f"C1:{TS}", None]


def test_a_parent_and_its_reply_tell_their_parts() -> None:
    parent = record_of(slack_message("parent", TS, thread_ts=TS, reply_count=3))
    reply = record_of(slack_message("reply", "1700000001.000000", thread_ts=TS))
    assert (parent.metadata["is_reply"], parent.metadata["reply_count"]) == (False, 3)
    assert (reply.metadata["is_reply"], reply.metadata["thread_ts"]) == (True, TS)


def test_an_old_parent_known_by_its_list_of_replies_has_a_thread() -> None:
    record = record_of(slack_message(replies=[{"user": "U1", "ts": "1700000001.000000"}]))
    assert (record.thread, record.metadata["reply_count"]) == (f"C1:{TS}", 1)


@pytest.mark.parametrize(
    "subtype",
    [
        *(f"{place}_{event}" for place in ("channel", "group") for event in (
            "join", "leave", "archive", "unarchive", "name", "posting_permissions")),
        "pinned_item", "unpinned_item", "bot_add", "bot_remove", "reminder_add",
        "sh_room_created", "ekm_access_denied", "tombstone", "message_deleted",
    ],
)  # fmt: skip
def test_notices_without_content_are_dropped_by_a_named_rule(subtype: str) -> None:
    item = item_of(slack_message("<@U1> did something", subtype=subtype))
    assert isinstance(item, DroppedItem)
    assert item.rule == f"subtype_{subtype}"


@pytest.mark.parametrize(
    "subtype",
    ["thread_broadcast", "reply_broadcast", "me_message", "bot_message", "file_share",
     "file_comment", "huddle_thread", "channel_topic", "channel_purpose", "not_invented_yet"],
)  # fmt: skip
def test_every_other_subtype_is_kept(subtype: str) -> None:
    assert record_of(slack_message(subtype=subtype)).metadata["subtype"] == subtype


def test_a_changed_message_is_read_in_its_new_form() -> None:
    new = slack_message("new text", TS, edited={"user": "U1", "ts": "1700000009.000000"})
    row = {"subtype": "message_changed", "hidden": True, "ts": "1700000009.000001", "message": new}
    record = record_of(row)
    assert (record.native_id, record.content) == (f"C1:{TS}", "new text")


@pytest.mark.parametrize("text", ["", "  \n", None, 7])
def test_a_message_that_says_nothing_is_dropped(text: Any) -> None:
    item = item_of({**slack_message(), "text": text})
    assert isinstance(item, DroppedItem)
    assert item.rule == "empty_message"


RICH = {
    "type": "rich_text",
    "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "the longer whole"}]}
    ],
}


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        ({"text": "", "blocks": [RICH]}, "the longer whole"),
        ({"text": "longer", "blocks": [RICH]}, "the longer whole"),
        ({"text": "News!", "blocks": [RICH]}, "News!\nthe longer whole"),
        ({"text": "the *longer* whole", "blocks": [RICH]}, "the *longer* whole"),
        ({"text": "typed", "blocks": [RICH], "client_msg_id": "1"}, "typed"),
        ({"text": "", "blocks": [RICH], "client_msg_id": "1"}, "the longer whole"),
        (
            {"text": "longer", "blocks": [RICH], "client_msg_id": "1", "bot_id": "B1"},
            "the longer whole",
        ),
        ({"text": "", "blocks": "broken"}, None),
    ],
)
def test_blocks_speak_where_the_text_says_less(fields: dict[str, Any], content: str | None) -> None:
    item = item_of(slack_message(**fields))
    assert (item.content if isinstance(item, Record) else None) == content


def test_attachments_and_files_add_what_the_text_does_not_say() -> None:
    record = record_of(
        slack_message(
            "see <https://a.example>",
            attachments=[
                {"title": "A page", "from_url": "https://a.example", "text": "line\r\nline"}
            ],
            files=[{"name": "plan.pdf", "title": "The plan"}],
        )
    )
    assert record.content == "see https://a.example\nA page\nline\nline\nThe plan (plan.pdf)"


def test_a_legacy_file_is_read_like_todays() -> None:
    record = record_of(slack_message("", subtype="file_share", file={"name": "old.png"}))
    assert (record.content, record.metadata["files"]) == ("old.png", ["old.png"])


def test_a_legacy_comment_on_a_file_has_its_own_author() -> None:
    message = slack_message("", subtype="file_comment", comment={"user": "U2", "comment": "nice"})
    del message["user"]
    record = record_of(message, users=[slack_user("U2", "grace")])
    assert (record.author, record.content) == ("grace", "nice")


def test_a_huddle_belongs_to_who_began_it() -> None:
    room = {"created_by": "U1", "participant_history": ["U1"], "name": "standup"}
    message = slack_message("", user="USLACKBOT", subtype="huddle_thread", room=room)
    record = record_of(message)
    assert (record.author, record.content) == ("ada", "Huddle standup with @ada")


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (slack_user("U1", "display"), "display"),
        (slack_user("U1", "", real_name="Account Name"), "Account Name"),
        ({"id": "U1", "name": "u1", "profile": {"display_name": "", "real_name": "Real"}}, "Real"),
        ({"id": "U1", "name": "account", "profile": {}}, "account"),
        ({"id": "U1", "profile": None}, "U1"),
        ({"id": "U2", "name": "else"}, "U1"),
    ],
)
def test_the_author_is_called_by_the_best_name_known(user: Any, name: str) -> None:
    assert record_of(slack_message(), users=[user]).author == name


@pytest.mark.parametrize(
    ("fields", "author"),
    [
        ({"user": "U9", "user_profile": {"display_name": "eve"}}, "eve"),
        ({"user": "U9", "user_profile": {"real_name": "Eve E", "name": "eve"}}, "Eve E"),
        ({"user": "U9", "user_profile": {"name": "eve"}}, "eve"),
        ({"user": "U9", "username": "<@U1|x>"}, "@ada"),
        ({"user": "U9"}, "U9"),
        ({"user": "USLACKBOT"}, "Slackbot"),
        ({"user": "U1", "username": "Deploys", "subtype": "bot_message"}, "Deploys"),
        ({"user": None, "bot_id": "B1", "bot_profile": {"name": "CI"}}, "CI"),
        ({"user": None, "bot_id": "B2"}, "Robot"),
        ({"user": None, "bot_id": "B3"}, "B3"),
        ({"user": None}, "unknown"),
    ],
)
def test_authors_outside_the_index_are_named_by_the_message(
    fields: dict[str, Any], author: str
) -> None:
    robot = slack_user("U8", "Robot", is_bot=True)
    robot["profile"]["bot_id"] = "B2"
    assert record_of(slack_message(**fields), users=[slack_user(), robot]).author == author


@pytest.mark.parametrize(
    ("fields", "is_bot"),
    [
        ({"bot_id": "B1"}, True),
        ({"subtype": "bot_message", "bot_id": None}, True),
        ({"user": "U8"}, True),
        ({"bot_id": None}, False),
    ],
)
def test_bots_are_kept_and_marked(fields: dict[str, Any], is_bot: bool) -> None:
    users = [slack_user(), slack_user("U8", "Robot", is_bot=True)]
    assert record_of(slack_message(**fields), users=users).metadata["is_bot"] is is_bot


FULL = {
    "groups.json": [{"id": "G1", "name": "board", "members": ["U1", "U2"]}],
    "dms.json": [{"id": "D1", "members": ["U1", "U2"]}, {"id": "D2", "user": "U2"}],
    "mpims.json": [{"id": "G2", "name": "mpdm-ada--grace-1", "members": ["U1", "U2", "U2"]}],
}
BOTH = ("slack:user:U1", "slack:user:U2")


@pytest.mark.parametrize(
    ("folder", "title", "id", "kind", "visibility"),
    [
        ("general", "#general", "C1", "public", ("public",)),
        ("board", "#board", "G1", "private", BOTH),
        ("D1", "ada, grace", "D1", "dm", BOTH),
        ("D2", "grace", "D2", "dm", ("slack:user:U2",)),
        ("mpdm-ada--grace-1", "ada, grace", "G2", "mpim", BOTH),
        ("lost", "#lost", "lost", "private", ("slack:channel:lost",)),
        ("D0123456789", "D0123456789", "D0123456789", "dm", ("slack:channel:D0123456789",)),
        ("mpdm-a--b-1", "mpdm-a--b-1", "mpdm-a--b-1", "mpim", ("slack:channel:mpdm-a--b-1",)),
    ],
)
def test_each_kind_of_conversation_is_titled_and_kept_to_its_members(
    folder: str, title: str, id: str, kind: str, visibility: tuple[str, ...]
) -> None:
    users = [slack_user("U1", "ada"), slack_user("U2", "grace")]
    days = {f"{folder}/2023-11-14": [slack_message()]}
    (item,) = items_of(slack_export(days, users=users, others=FULL))
    assert isinstance(item, Record)
    assert (item.title, item.visibility) == (title, visibility)
    assert (item.metadata["channel_id"], item.metadata["channel_type"]) == (id, kind)


def test_a_private_channel_listed_among_the_public_ones_stays_private() -> None:
    record = record_of(slack_message(), channels=[slack_channel(is_private=True)])
    assert record.visibility == ("slack:user:U1",)


def test_a_renamed_channel_is_found_by_its_earlier_name_unless_another_has_it() -> None:
    channels = [
        slack_channel("C1", "new", previous_names=["old", "other"]),
        slack_channel("C2", "other"),
    ]
    days = {f"{name}/2023-11-14": [slack_message()] for name in ("old", "other")}
    items = items_of(slack_export(days, channels=channels))
    assert [i.metadata["channel_id"] for i in items if isinstance(i, Record)] == ["C1", "C2"]


def test_without_index_files_folders_name_public_channels() -> None:
    record = record_of(slack_message(), users=None, channels=None)
    assert (record.native_id, record.title) == (f"general:{TS}", "#general")
    assert (record.author, record.visibility) == ("U1", ("public",))


@pytest.mark.parametrize("root", ["", "export/", "a/b/"])
def test_a_folder_may_wrap_the_export(root: str) -> None:
    assert record_of(slack_message(), root=root).native_id == f"C1:{TS}"


def test_grid_workspaces_have_their_own_channels_and_share_the_people() -> None:
    export = zip_of(
        {
            "org_users.json": [slack_user()],
            "teams/a/channels.json": [slack_channel("C1", "general")],
            "teams/a/general/2023-11-14.json": [slack_message()],
            "teams/b/channels.json": [slack_channel("C2", "general")],
            "teams/b/general/2023-11-14.json": [slack_message()],
        }
    )
    records = [item for item in items_of(export) if isinstance(item, Record)]
    assert [(r.native_id, r.author) for r in records] == [(f"C1:{TS}", "ada"), (f"C2:{TS}", "ada")]


def test_an_index_file_further_up_serves_the_folders_below() -> None:
    export = slack_export({f"channels/{DAY}": [slack_message()]})
    (item,) = items_of(export)
    assert isinstance(item, Record)
    assert item.native_id == f"C1:{TS}"


def test_an_export_without_messages_has_no_slices() -> None:
    assert items_of(slack_export()) == []


def test_names_are_used_in_mentions() -> None:
    record = record_of(slack_message("<@U1> see <#C1>"))
    assert record.content == "@ada see #general"


FIELDS = st.sampled_from(
    ["ts", "text", "user", "subtype", "blocks", "elements", "type", "attachments", "fields",
     "files", "file", "name", "title", "comment", "room", "reactions", "edited", "thread_ts",
     "replies", "user_profile", "bot_id", "bot_profile", "username", "message", "rows"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("text", "the message is no object but a text"),
        (None, "the message is no object but null"),
        ([1], "the message is no object but a list"),
        (7, "the message is no object but a number"),
        ({"text": "x"}, "the message has no valid ts (its time and id)"),
        (slack_message(ts=""), "the message has no valid ts (its time and id)"),
        (slack_message(ts="yesterday"), "the message has no valid ts (its time and id)"),
        (slack_message(ts=True), "the message has no valid ts (its time and id)"),
        (slack_message(ts="１７００"), "the message has no valid ts (its time and id)"),
    ],
)
def test_a_broken_message_is_rejected_and_the_next_still_comes(message: Any, error: str) -> None:
    first, second = items_of(slack_export({DAY: [message, slack_message()]}))
    assert isinstance(first, RejectedItem)
    assert first.error == error
    assert isinstance(second, Record)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(fields=st.dictionaries(FIELDS, JSON, max_size=6))
def test_whatever_a_message_holds_it_becomes_one_item(fields: dict[str, Any]) -> None:
    item = item_of({"ts": TS, **fields})
    assert isinstance(item, Record | DroppedItem | RejectedItem)
    if isinstance(item, Record):
        assert len(item.content_hash()) == 32


def test_a_message_nested_too_deeply_is_rejected_and_the_next_still_comes() -> None:
    opening, closing = b'{"type":"rich_text_list","elements":[', b"]}"
    blocks = b'[{"type":"rich_text","elements":[' + opening * 490 + closing * 490 + b"]}]"
    content = b'[{"ts":"1.0","text":"","blocks":' + blocks + b'},{"ts":"2.0","text":"next"}]'
    first, second = items_of(slack_export({DAY: content}))
    assert isinstance(first, RejectedItem)
    assert first.error == "the message is nested too deeply"
    assert isinstance(second, Record)


@pytest.mark.parametrize("whole_file_bytes", [0, 10**9], ids=["streamed", "whole"])
def test_a_list_nested_too_deeply_is_rejected_and_the_next_still_comes(
    whole_file_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_json, "WHOLE_FILE_BYTES", whole_file_bytes)
    content = b"[" + b"[" * 500 + b"]" * 500 + b',{"ts":"1.0","text":"next"}]'
    first, second = items_of(slack_export({DAY: content}))
    assert isinstance(first, RejectedItem)
    assert isinstance(second, Record)


def test_a_rejected_message_brings_at_most_4_kib_of_itself() -> None:
    item = item_of({"text": "x" * 10_000})
    assert isinstance(item, RejectedItem)
    assert (len(item.raw), item.raw[:9]) == (4096, b'{"text":"')


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"[{", "the file is no valid JSON"),
        (b"", "the file is no valid JSON"),
        (b"{}", "the file is no JSON array"),
        (b"[" * 100_000, "the file is no valid JSON"),
    ],
)
def test_a_broken_day_file_is_one_rejected_item_and_the_next_still_comes(
    content: bytes, error: str
) -> None:
    export = slack_export({DAY: content, "general/2023-11-15": [slack_message()]})
    first, second = items_of(export)
    assert isinstance(first, RejectedItem)
    assert first.error.startswith(error)
    assert first.place == Place(0, len(content), f"{DAY}.json")
    assert first.raw == content[:4096]
    assert isinstance(second, Record)


def test_a_damaged_member_is_one_rejected_item_and_the_next_still_comes() -> None:
    export = slack_export({DAY: [slack_message()], "general/2023-11-15": [slack_message()]})
    name = f"{DAY}.json".encode()
    at = export.index(name) + len(name) + 2
    damaged = export[:at] + b"\xff\xff" + export[at + 2 :]
    first, second = items_of(damaged)
    assert isinstance(first, RejectedItem)
    assert "is damaged" in first.error
    assert isinstance(second, Record)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'\xef\xbb\xbf[{"ts":"1.0","text":"bom"}]', "bom"),
        (b'[{"ts":"1.0","text":"half \\ud83d"}]', "half ?"),
        (b'[{"ts":"1.0","text":"caf\xe9"}]', "caf\N{REPLACEMENT CHARACTER}"),
        (b'[{"ts":"1.0","text":"tab\there"}]', "tab\there"),
        (b'[{"ts":"1.0","text":"a\\u0000b"}]', "a\N{REPLACEMENT CHARACTER}b"),
        (b'[{"ts":"1.0","text":"a\\\\u0000b"}]', "a\\u0000b"),
    ],
    ids=["bom", "half a surrogate pair", "latin-1", "raw tab", "nul", "no nul"],
)
def test_odd_bytes_in_a_day_file_cost_no_message(content: bytes, text: str) -> None:
    (item,) = items_of(slack_export({DAY: content}))
    assert isinstance(item, Record)
    assert item.content == text


def test_other_files_are_dropped_by_rule_and_index_files_are_no_items() -> None:
    others = {
        "integration_logs.json": [{"date": "1"}],
        "canvases.json": [],
        "content_flags.json": [],
        "general/canvas_in_the_conversation.json": [],
        "__uploads/F1/plan.pdf": b"%PDF",
        "general/notes.txt": b"hello",
    }
    assert rules_of(slack_export({DAY: [slack_message()]}, others=others)) == {
        "canvas": 2,
        "content_flags": 1,
        "uploaded_file": 1,
        "no_message_file": 1,
    }


MANY = slack_export(
    {
        f"general/2023-11-{day:02}": [
            slack_message("hello " * day, f"17000{day:02}{number:03}.000000")
            for number in range(day % 5)
        ]
        for day in range(1, 21)
    }
    | {"general/2023-12-01": b"broken"},
    others={"general/canvas_in_the_conversation.json": []},
)


@settings(max_examples=20, deadline=None)
@given(slice_bytes=st.integers(1, 20_000))
def test_any_slicing_gives_the_same_items(slice_bytes: int) -> None:
    assert items_of(MANY, slice_bytes=slice_bytes) == items_of(MANY)


def test_slices_are_numbered_bounded_and_cover_every_member_once() -> None:
    parts = list(PARSER.plan(io.BytesIO(MANY), CONTEXT, slice_bytes=2000))
    members = [member for part in parts for member in part.members]
    assert [part.number for part in parts] == list(range(len(parts)))
    assert len(members) == len(set(members)) == 22
    assert all(part.size_bytes <= 2000 or len(part.members) == 1 for part in parts)


def test_the_places_of_a_slices_items_add_up_to_its_size() -> None:
    export = slack_export({DAY: [slack_message(ts=f"170000000{n}.0") for n in range(7)]})
    file = io.BytesIO(export)
    (part,) = PARSER.plan(file, CONTEXT, slice_bytes=10_000)
    places = [item.place for item in PARSER.read(file, part, CONTEXT)]
    assert sum(place.end - place.start for place in places) == part.size_bytes
    assert [place.ordinal for place in places] == list(range(7))


def test_a_large_day_file_is_streamed_to_the_same_items(monkeypatch: pytest.MonkeyPatch) -> None:
    export = slack_export({DAY: [slack_message("a\0b", f"170000000{n}.0") for n in range(9)]})
    whole = items_of(export)
    monkeypatch.setattr(slack_json, "WHOLE_FILE_BYTES", 0)
    streamed = items_of(export)
    assert [i.content for i in streamed if isinstance(i, Record)] == [
        i.content for i in whole if isinstance(i, Record)
    ]
    sizes = [sum(i.place.end - i.place.start for i in items) for items in (streamed, whole)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("content", "count"), [(b'[{"ts":"1.0","text":"a"},{"ts":"2.0","text":"b"},{', 1), (b"[]", 0)]
)
def test_a_streamed_day_file_that_breaks_off_keeps_what_came_before(
    content: bytes, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_json, "WHOLE_FILE_BYTES", 0)
    items = items_of(slack_export({DAY: content}))
    assert sum(isinstance(item, RejectedItem) for item in items) == count


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://acme.slack.com/files/U1/F1/x", "https://acme.slack.com"),
        ("https://acme.slack.com/archives/C1/p1700000000000100", "https://acme.slack.com"),
        ("https://acme.enterprise.slack.com/team/U1", "https://acme.enterprise.slack.com"),
        ("https://other.slack.com/archives/C999/p1700000000000100", None),
        ("https://files.slack.com/files/T1/F1", None),
        ("https://acme.example/archives/C1", None),
    ],
)
def test_permalinks_follow_links_to_the_workspace_itself(link: str, url: str | None) -> None:
    record = record_of(slack_message(f"<{link}>"))
    assert record.url == (f"{url}/archives/C1/p1700000000000100" if url else None)


def test_a_replys_permalink_names_its_thread() -> None:
    reply = slack_message("https://acme.slack.com/team/U1", TS, thread_ts="1699999999.000000")
    assert record_of(reply).url == (
        "https://acme.slack.com/archives/C1/p1700000000000100?thread_ts=1699999999.000000&cid=C1"
    )


def test_the_description_counts_what_is_there_and_what_is_missing() -> None:
    days = {"general/2023-11-15": [slack_message()], "general/2023-11-14": []}
    export = slack_export(days, users=None, others={"canvases.json": []})
    described = PARSER.describe(io.BytesIO(export), CONTEXT)
    assert described["channels"] == {"public": 1}
    assert described["channel_names"] == ["#general"]
    assert (described["users"], described["message_files"], described["other_files"]) == (0, 2, 1)
    assert (described["first_day"], described["last_day"]) == ("2023-11-14", "2023-11-15")
    assert described["notes"] == [
        "no users.json: people are shown by their ids where messages do not name them"
    ]


def test_a_broken_index_file_is_noted_and_costs_no_message() -> None:
    export = slack_export({DAY: [slack_message()]}, others={"dms.json": b"oops"})
    (note,) = PARSER.describe(io.BytesIO(export), CONTEXT)["notes"]
    assert note.startswith("dms.json is left out: the file is no valid JSON")
    assert isinstance(items_of(export)[0], Record)


@pytest.mark.parametrize(
    ("content", "is_accepted"),
    [
        pytest.param(slack_export({DAY: []}), True, id="export"),
        pytest.param(slack_export(), True, id="no messages yet"),
        pytest.param(
            slack_export({DAY: [slack_message()]}, users=None, channels=None), True, id="days only"
        ),
        pytest.param(
            slack_export({DAY: [{"a": 1}]}, users=None, channels=None), False, id="other days"
        ),
        pytest.param(
            slack_export({DAY: b"oops"}, users=None, channels=None), False, id="broken days"
        ),
        pytest.param(zip_of({"users.json": []}), False, id="users alone"),
        pytest.param(zip_of({"a.csv": b"a,b"}), False, id="zip of something else"),
        pytest.param(zip_of({}), False, id="empty zip"),
        pytest.param(b'[{"ts": "1.0", "text": "x"}]', False, id="lone JSON"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b"PK\x03\x04 and no more", False, id="broken zip"),
    ],
)
async def test_exports_are_known_by_their_content(content: bytes, is_accepted: bool) -> None:
    assert await PARSER.validate(content) is is_accepted


async def test_bytes_in_memory_are_parsed_with_their_ledger() -> None:
    days = {DAY: [slack_message(), slack_message(subtype="channel_join"), 7]}
    parsed = await PARSER.parse(slack_export(days), {"filename": "x.zip", "options": None})
    assert parsed.ledger.to_json() == {
        "read": 3, "indexed": 1, "unchanged": 0, "dropped": {"subtype_channel_join": 1}, "failed": 1
    }  # fmt: skip
    assert parsed.ledger.balances
    assert parsed.metadata == await PARSER.extract_metadata(slack_export(days))


@pytest.mark.parametrize(
    "options", [ImportOptions(source="community"), {"source": "community", "unheard_of": 1}]
)
async def test_the_uploaders_source_names_the_records(options: Any) -> None:
    parsed = await PARSER.parse(slack_export({DAY: [slack_message()]}), {"options": options})
    assert [i.source_type for i in parsed.items if isinstance(i, Record)] == ["community"]


def test_a_zip_without_conversations_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="holds no Slack conversations"):
        PARSER.describe(io.BytesIO(zip_of({"a.csv": b"a,b"})), CONTEXT)


def test_an_archive_beyond_the_limits_is_refused() -> None:
    limits = ParseContext("x", "slack", "0" * 64, ImportOptions(), ArchiveLimits(10))
    file = io.BytesIO(slack_export({DAY: []}))
    with pytest.raises(UnreadableFileError, match="unpacks to"):
        PARSER.describe(file, limits)
    with pytest.raises(UnreadableFileError, match="unpacks to"):
        list(PARSER.plan(file, limits, slice_bytes=100))
    with pytest.raises(UnreadableFileError, match="unpacks to"):
        list(PARSER.read(file, Slice(0, members=(f"{DAY}.json",)), limits))
