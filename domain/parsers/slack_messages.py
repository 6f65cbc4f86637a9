"""From a Slack message object to a record, or to the rule by which it is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from domain.models.records import (
    ContentType,
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    Record,
    RejectedItem,
)
from domain.parsers.slack_blocks import (
    attachment_parts,
    blocks_text,
    file_name,
    file_parts,
    huddle_text,
)
from domain.parsers.slack_export import Conversation, ExportIndex, display_name
from domain.parsers.slack_fields import (
    JsonObject,
    object_field,
    objects_field,
    text_field,
    whole_number_field,
)
from domain.parsers.slack_markup import render_markup

RAW_BYTES = 4096

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
_TS = re.compile(r"[0-9]{1,10}(?:\.([0-9]{1,6}))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_WORDS = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class MessageReader:
    """Reads messages of one export. ``workspace_url`` makes permalinks where it is known."""

    source_type: str
    index: ExportIndex
    workspace_url: str | None

    def item(self, message: JsonValue, conversation: Conversation, place: Place) -> ParsedItem:
        """What becomes of one element of a day file."""
        if not isinstance(message, dict):
            return _rejected(f"the message is no object but {_kind_of(message)}", message, place)
        subtype = text_field(message, "subtype")
        if subtype in _DROPPED_SUBTYPES:
            return DroppedItem(f"subtype_{subtype}", place)
        if subtype == "message_changed":
            message = object_field(message, "message") or message
        ts = _ts_text(message.get("ts"))
        if not ts:
            return _rejected("the message has no valid ts (its time and id)", message, place)
        try:
            content = self._content(message)
        except RecursionError:
            return _rejected("the message is nested too deeply", message, place)
        if not content:
            return DroppedItem("empty_message", place)
        return self._record(message, ts, content, conversation, place)

    def _record(
        self, message: JsonObject, ts: str, content: str, conversation: Conversation, place: Place
    ) -> Record:
        thread_ts = _thread_ts(message, ts)
        channel = conversation.id
        user_id = _user_id(message)
        author = self._author(message, user_id)
        edited_ts = _ts_text(object_field(message, "edited").get("ts"))
        metadata: dict[str, JsonValue] = {
            "channel": conversation.label,
            "channel_id": channel,
            "channel_type": conversation.kind.value,
            "author": author,
            "is_bot": self._is_bot(message, user_id),
            "is_reply": bool(thread_ts) and thread_ts != ts,
        }
        metadata.update(_details(message, user_id, thread_ts, edited_ts))
        return Record(
            source_type=self.source_type,
            native_id=f"{channel}:{ts}",
            content_type=ContentType.MESSAGE,
            content=content,
            place=place,
            title=conversation.title,
            author=author,
            timestamp=_moment(ts),
            url=self._permalink(channel, ts, thread_ts),
            thread=f"{channel}:{thread_ts}" if thread_ts else None,
            metadata=metadata,
            version=_version(message, edited_ts or ts, has_url=self.workspace_url is not None),
            visibility=conversation.visibility,
            group=f"{channel}:{thread_ts or _moment(ts).date()}",
        )

    def _content(self, message: JsonObject) -> str:
        text = message.get("text")
        content = render_markup(text, self.index.names).strip() if isinstance(text, str) else ""
        # Only the plainest messages are as they look; all others may say more elsewhere.
        if "blocks" in message:
            content = self._with_blocks(content, message)
        if "attachments" in message or "files" in message or "file" in message:
            content = _extended(content, self._appendices(message))
        if not content or "room" in message:
            content = _extended(content, self._last_resorts(message))
        return content

    def _with_blocks(self, content: str, message: JsonObject) -> str:
        """The text, or the blocks where they hold more of it.

        What a person typed into Slack (it has a ``client_msg_id``) is whole in the text already.
        """
        if content and text_field(message, "client_msg_id") and not message.get("bot_id"):
            return content
        shown = blocks_text(objects_field(message, "blocks"), self.index.names).strip()
        shown_words, content_words = _words(shown), _words(content)
        if len(shown_words) <= len(content_words):
            return content
        return shown if content_words in shown_words else f"{content}\n{shown}"

    def _appendices(self, message: JsonObject) -> Iterator[str]:
        for attachment in objects_field(message, "attachments"):
            yield from attachment_parts(attachment, self.index.names)
        for file in _files(message):
            yield from file_parts(file, self.index.names)

    def _last_resorts(self, message: JsonObject) -> Iterator[str]:
        comment = text_field(object_field(message, "comment"), "comment")
        yield render_markup(comment, self.index.names)
        yield huddle_text(object_field(message, "room"), self.index.names)

    def _author(self, message: JsonObject, user_id: str) -> str:
        """The author's display name; what the message itself says where the index is silent."""
        users = self.index.names.users
        username = text_field(message, "username")
        if username and message.get("subtype") == "bot_message":
            return render_markup(username, self.index.names)
        return (
            users.get(user_id)
            or display_name({"profile": message.get("user_profile")})
            or text_field(object_field(message, "user_profile"), "name")
            or (render_markup(username, self.index.names) if username else "")
            or text_field(object_field(message, "bot_profile"), "name")
            or users.get(text_field(message, "bot_id"))
            or user_id
            or text_field(message, "bot_id")
            or "unknown"
        )

    def _is_bot(self, message: JsonObject, user_id: str) -> bool:
        return (
            bool(message.get("bot_id"))
            or message.get("subtype") == "bot_message"
            or user_id in self.index.bots
        )

    def _permalink(self, channel: str, ts: str, thread_ts: str) -> str | None:
        if not self.workspace_url:
            return None
        link = f"{self.workspace_url}/archives/{channel}/p{ts.replace('.', '')}"
        is_reply = thread_ts and thread_ts != ts
        return f"{link}?thread_ts={thread_ts}&cid={channel}" if is_reply else link


def _details(
    message: JsonObject, user_id: str, thread_ts: str, edited_ts: str
) -> Iterator[tuple[str, JsonValue]]:
    """The metadata that only some messages have."""
    if user_id:
        yield "user_id", user_id
    if thread_ts:
        yield "thread_ts", thread_ts
    replies = _reply_count(message)
    if replies:
        yield "reply_count", replies
    if subtype := text_field(message, "subtype"):
        yield "subtype", subtype
    if edited_ts:
        yield "edited_ts", edited_ts
    reactions = [_reaction(reaction) for reaction in objects_field(message, "reactions")]
    if reactions:
        yield "reactions", reactions
    files = [name for file in _files(message) if (name := file_name(file))]
    if files:
        yield "files", files


def _version(message: JsonObject, changed_ts: str, *, has_url: bool) -> str:
    """Sorts the copies that overlapping exports hold of a message, whatever order they come in.

    A later edit wins, then more replies, then more reactions, then the copy with a permalink.
    """
    reactions = sum(_reaction_count(each) for each in objects_field(message, "reactions"))
    latest_reply = _ts_text(message.get("latest_reply"))
    replies = _reply_count(message)
    return f"{changed_ts}/{latest_reply}/{replies:06d}/{reactions:06d}/{int(has_url)}"


def _user_id(message: JsonObject) -> str:
    """Who wrote it: for a huddle who began it, for a legacy comment who commented."""
    if message.get("subtype") == "huddle_thread":
        return text_field(object_field(message, "room"), "created_by") or text_field(
            message, "user"
        )
    return text_field(message, "user") or text_field(object_field(message, "comment"), "user")


def _thread_ts(message: JsonObject, ts: str) -> str:
    """The ``ts`` of the thread's parent; a message with replies is its own parent."""
    thread_ts = _ts_text(message.get("thread_ts"))
    return thread_ts or (ts if _reply_count(message) else "")


def _reply_count(message: JsonObject) -> int:
    return whole_number_field(message, "reply_count") or len(objects_field(message, "replies"))


def _files(message: JsonObject) -> list[JsonObject]:
    """Attached files, in today's shape and in the one before 2018."""
    legacy = object_field(message, "file")
    return objects_field(message, "files") + ([legacy] if legacy else [])


def _reaction(reaction: JsonObject) -> str:
    return f"{text_field(reaction, 'name')}:{_reaction_count(reaction)}"


def _reaction_count(reaction: JsonObject) -> int:
    users = reaction.get("users")
    listed = len(users) if isinstance(users, list) else 0
    return whole_number_field(reaction, "count") or listed or 1


def _extended(content: str, parts: Iterable[str]) -> str:
    """``content`` with the parts that it does not hold already, a line each."""
    for part in parts:
        addition = part.replace("\r\n", "\n").strip()
        if addition and addition not in content:
            content = f"{content}\n{addition}" if content else addition
    return content


def _words(text: str) -> str:
    return _NOT_WORDS.sub("", text)


def _ts_text(ts: JsonValue) -> str:
    """A valid ``ts`` as the text it is in Slack; empty for anything else."""
    if isinstance(ts, float):
        ts = f"{ts:.6f}"
    elif isinstance(ts, int) and not isinstance(ts, bool):
        ts = str(ts)
    return ts if isinstance(ts, str) and _TS.fullmatch(ts) else ""


def _moment(ts: str) -> datetime:
    seconds, _, fraction = ts.partition(".")
    return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(fraction.ljust(6, "0") or 0))


def _kind_of(value: JsonValue) -> str:
    kinds = {str: "a text", list: "a list", type(None): "null", bool: "true or false"}
    return kinds.get(type(value), "a number")


def _rejected(error: str, message: JsonValue, place: Place) -> RejectedItem:
    try:
        raw = orjson.dumps(message)[:RAW_BYTES]
    except orjson.JSONEncodeError:  # Deeper than what orjson writes; it reads deeper ones.
        raw = b""
    return RejectedItem(error, place, raw)
