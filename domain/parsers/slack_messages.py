"""From a Slack message object to a record, or to the rule by which it is left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

import orjson

from domain.models.records import (
    ContentType,
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    Record,
    RejectedItem,
    Tombstone,
)
from domain.parsers.slack_blocks import attachment_parts, blocks_text, file_parts, huddle_text
from domain.parsers.slack_conversations import Conversation
from domain.parsers.slack_export import ExportIndex, display_name
from domain.parsers.slack_facts import (
    add_details,
    edited_ts_of,
    files_of,
    moment,
    thread_ts_of,
    ts_text,
    user_id_of,
    version_of,
)
from domain.parsers.slack_fields import JsonObject, object_field, objects_field, text_field
from domain.parsers.slack_markup import Names, render_markup
from domain.parsers.slack_people import add_account, add_mentions

RAW_BYTES = 4096
DELETED_MESSAGE = "deleted_message"

_DROPPED_SUBTYPES = frozenset(
    f"{place}_{event}"
    for place in ("channel", "group")
    for event in ("join", "leave", "archive", "unarchive", "name", "posting_permissions")
) | {
    "channel_convert_to_private",
    "channel_convert_to_public",
    "pinned_item",
    "unpinned_item",
    "bot_add",
    "bot_remove",
    "bot_enable",
    "bot_disable",
    "reminder_add",
    "sh_room_created",
    "ekm_access_denied",
    "message_deleted",
    "message_replied",
    "tombstone",
}
_AFTER_ALL_VERSIONS = "~"
"""A deleted message never comes back: its ``ts`` is not given again."""

_NOT_WORDS = re.compile(r"\W+")


class MessageReader:
    """Reads the messages of one conversation.

    ``workspace_url`` makes permalinks where it is known. ``deleted`` holds the ``ts`` of messages
    that the same export says were deleted; no copy of them is kept.
    """

    def __init__(
        self,
        source_type: str,
        index: ExportIndex,
        conversation: Conversation,
        *,
        workspace_url: str | None = None,
        deleted: Collection[str] = (),
    ) -> None:
        self.conversation = conversation
        self.index = index
        self.source_type = source_type
        self._workspace_url = workspace_url
        self._deleted = frozenset(deleted)
        self.common_metadata: dict[str, JsonValue] = {
            "channel": conversation.label,
            "channel_id": conversation.id,
            "channel_type": conversation.kind.value,
        }
        if conversation.workspace:
            self.common_metadata["workspace"] = conversation.workspace
        self._title = conversation.title
        self._groups_by_day: dict[int, str] = {}

    def item(self, message: JsonValue, place: Place) -> ParsedItem:
        """What becomes of one element of a day file."""
        if type(message) is not dict:
            return _rejected(f"the message is no object but {_kind_of(message)}", message, place)
        event_ts = ""
        if "subtype" in message:
            if rule := _dropping_rule(message) or _dropping_rule(present_form(message)):
                return DroppedItem(rule, place, self._tombstone(message))
            if message["subtype"] == "message_changed":
                event_ts = ts_text(message.get("ts"))
                message = present_form(message)
        ts = ts_text(message.get("ts"))
        if not ts:
            return _rejected("the message has no valid ts (its time and id)", message, place)
        if ts in self._deleted:
            return DroppedItem(DELETED_MESSAGE, place)
        try:
            content = self._content(message)
        except RecursionError:
            return _rejected("the message is nested too deeply", message, place)
        if not content:
            return DroppedItem("empty_message", place)
        return self._record(message, ts, content, place, event_ts)

    def _tombstone(self, message: JsonObject) -> Tombstone | None:
        """Which message is gone, if the row tells of a deletion."""
        ts = deleted_ts_of(message)
        native_id = f"{self.conversation.key}:{ts}"
        return Tombstone(self.source_type, native_id, _AFTER_ALL_VERSIONS) if ts else None

    def author(self, message: JsonObject) -> str:
        """The display name of who wrote a message."""
        return self._author(message, user_id_of(message))

    def permalink(self, ts: str, thread_ts: str) -> str | None:
        """The message's address in Slack, in its thread if it is a reply."""
        if not self._workspace_url:
            return None
        channel = self.conversation.id
        link = f"{self._workspace_url}/archives/{channel}/p{ts.replace('.', '')}"
        is_reply = thread_ts and thread_ts != ts
        return f"{link}?thread_ts={thread_ts}&cid={channel}" if is_reply else link

    def _record(
        self, message: JsonObject, ts: str, content: str, place: Place, event_ts: str
    ) -> Record:
        conversation = self.conversation
        key = conversation.key
        thread_ts = thread_ts_of(message, ts)
        thread = f"{key}:{thread_ts}" if thread_ts else None
        user_id = user_id_of(message)
        author = self._author(message, user_id)
        edited_ts = edited_ts_of(message)
        metadata = self.common_metadata.copy()
        metadata["author"] = author
        metadata["is_bot"] = self._is_bot(message, user_id)
        metadata["is_reply"] = bool(thread_ts) and thread_ts != ts
        if user_id:
            metadata["user_id"] = user_id
            add_account(metadata, message, self.index.accounts.get(user_id))
        text = message.get("text")
        if isinstance(text, str) and "<@" in text:
            add_mentions(metadata, text, self.index)
        add_details(metadata, message, thread_ts, edited_ts)
        has_url = self._workspace_url is not None
        return Record(
            source_type=self.source_type,
            native_id=f"{key}:{ts}",
            content_type=ContentType.MESSAGE,
            content=content,
            place=place,
            title=self._title,
            author=author,
            timestamp=moment(ts),
            url=self.permalink(ts, thread_ts) if has_url else None,
            thread=thread,
            metadata=metadata,
            version=version_of(message, edited_ts or ts, has_url=has_url, event_ts=event_ts),
            visibility=conversation.visibility,
            group=f"{key}:thread:{thread_ts}" if thread_ts else self._group_of_day(ts),
        )

    def _group_of_day(self, ts: str) -> str:
        """The passages' group of what is said outside of threads: the UTC day."""
        day = int(ts.partition(".")[0]) // 86_400
        group = self._groups_by_day.get(day)
        if group is None:
            group = f"{self.conversation.key}:{moment(ts):%Y-%m-%d}"
            self._groups_by_day[day] = group
        return group

    def _content(self, message: JsonObject) -> str:
        text, names = message.get("text"), self.index.names
        content = render_markup(text, names).strip() if isinstance(text, str) else ""
        # Only the plainest messages are as they look; all others may say more elsewhere.
        if "blocks" in message:
            content = _with_blocks(content, message, names)
        if "attachments" in message or "files" in message or "file" in message:
            content = _extended(content, _appendices(message, names))
        if not content or "room" in message:
            content = _extended(content, _last_resorts(message, names))
        return content

    def _author(self, message: JsonObject, user_id: str) -> str:
        """The author's display name; what the message itself says where the index is silent."""
        users = self.index.names.users
        if "username" in message and message.get("subtype") == "bot_message":
            username = text_field(message, "username")
            if username:
                return render_markup(username, self.index.names)
        return (
            users.get(user_id)
            or self._author_by_message(message)
            or user_id
            or text_field(message, "bot_id")
            or "unknown"
        )

    def _author_by_message(self, message: JsonObject) -> str:
        profile = object_field(message, "user_profile")
        return (
            display_name({"profile": profile})
            or text_field(profile, "name")
            or render_markup(text_field(message, "username"), self.index.names)
            or text_field(object_field(message, "bot_profile"), "name")
            or self.index.names.users.get(text_field(message, "bot_id"), "")
        )

    def _is_bot(self, message: JsonObject, user_id: str) -> bool:
        return (
            bool(message.get("bot_id"))
            or message.get("subtype") == "bot_message"
            or user_id in self.index.bots
        )


def deleted_ts_of(message: JsonValue) -> str:
    """The ``ts`` of the message that an element of a day file says was deleted, or nothing.

    A deleted message leaves a ``message_deleted`` row; one with replies becomes a ``tombstone``,
    which is told by a row of its own or by a ``message_changed``.
    """
    if not isinstance(message, dict):
        return ""
    if message.get("subtype") == "message_deleted":
        previous = object_field(message, "previous_message")
        return ts_text(message.get("deleted_ts")) or ts_text(previous.get("ts"))
    present = present_form(message)
    return ts_text(present.get("ts")) if present.get("subtype") == "tombstone" else ""


def present_form(message: JsonObject) -> JsonObject:
    """The message itself, or what the record of a change says that it has become."""
    if message.get("subtype") == "message_changed":
        return object_field(message, "message") or message
    return message


def _dropping_rule(message: JsonObject) -> str:
    subtype = text_field(message, "subtype")
    return f"subtype_{subtype}" if subtype in _DROPPED_SUBTYPES else ""


def _with_blocks(content: str, message: JsonObject, names: Names) -> str:
    """The text, or the blocks where they hold more of it.

    What a person typed into Slack (it has a ``client_msg_id``) is whole in the text already.
    """
    if content and text_field(message, "client_msg_id") and not message.get("bot_id"):
        return content
    shown = blocks_text(objects_field(message, "blocks"), names).strip()
    shown_words, content_words = _words(shown), _words(content)
    if len(shown_words) <= len(content_words):
        return content
    return shown if content_words in shown_words else f"{content}\n{shown}"


def _appendices(message: JsonObject, names: Names) -> Iterator[str]:
    for attachment in objects_field(message, "attachments"):
        yield from attachment_parts(attachment, names)
    for file in files_of(message):
        yield from file_parts(file, names)


def _last_resorts(message: JsonObject, names: Names) -> Iterator[str]:
    comment = text_field(object_field(message, "comment"), "comment")
    yield render_markup(comment, names)
    yield huddle_text(object_field(message, "room"), names)


def _extended(content: str, parts: Iterable[str]) -> str:
    """``content`` with the parts that it does not hold already, a line each."""
    for part in parts:
        addition = part.replace("\r\n", "\n").strip()
        if addition and addition not in content:
            content = f"{content}\n{addition}" if content else addition
    return content


def _words(text: str) -> str:
    return _NOT_WORDS.sub("", text)


def _kind_of(value: JsonValue) -> str:
    kinds = {str: "a text", list: "a list", type(None): "null", bool: "true or false"}
    return kinds.get(type(value), "a number")


def _rejected(error: str, message: JsonValue, place: Place) -> RejectedItem:
    try:
        raw = orjson.dumps(message)[:RAW_BYTES]
    except orjson.JSONEncodeError:  # Deeper than what orjson writes; it reads deeper ones.
        raw = b""
    return RejectedItem(error, place, raw)
