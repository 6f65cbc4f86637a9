"""A JSON array of Slack messages that lies outside of any export: a day file, a thread, a dump.

Nothing but the messages says which conversation they are of. What they say counts first
(``channel``), then the folder that a day file lies in; else the file stands for a conversation
of its own, known by its hash.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.files import Slice
from domain.models.records import DroppedItem, JsonValue, ParsedItem, Place, RejectedItem
from domain.parsers.forms import IS_LAST, Head, Section, raw_start, read_head
from domain.parsers.json_scan import Element, ElementReader, element_borders
from domain.parsers.json_shapes import Shape, find_shape
from domain.parsers.slack_conversations import Conversation, ConversationKind, unlisted
from domain.parsers.slack_export import NO_INDEX
from domain.parsers.slack_facts import ts_text
from domain.parsers.slack_fields import JsonObject, object_field, text_field
from domain.parsers.slack_json import parse_value
from domain.parsers.slack_messages import MessageReader, deleted_ts_of
from domain.ports.parser import ParseContext

MESSAGES, CONVERSATIONS, USERS = "messages", "conversations", "users"
_RULES = {CONVERSATIONS: "conversation_list", USERS: "user_list"}
_BOM = b"\xef\xbb\xbf"
_MESSAGE_TS = re.compile(r"[0-9]{9,10}\.[0-9]{6}\Z")
_CONVERSATION_ID = re.compile(r"[CDG][A-Z0-9]{6,}\Z")
_USER_ID = re.compile(r"(?:[UW][A-Z0-9]{6,}|USLACKBOT)\Z")
_DAY_NAME = re.compile(r"\d{4}-\d{2}-\d{2}\.json\Z")
_SURE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class LoneArray:
    """What the elements of an array are, and where the first may begin."""

    content: str
    array_start: int
    sample: tuple[JsonValue, ...]


def find_array(head: Head) -> LoneArray | None:
    """The array that a file is, if nearly all of its first elements are clearly Slack's."""
    content = head.content.removeprefix(_BOM)
    if not content.lstrip().startswith(b"["):
        return None
    found = find_shape(content, is_whole=head.is_whole)
    if found is None or found.shape is not Shape.ARRAY or not found.sample:
        return None
    start = found.array_start + len(head.content) - len(content)
    for kind, is_one in _KINDS.items():
        count = sum(isinstance(each, dict) and is_one(each) for each in found.sample)
        if count and count >= _SURE_SHARE * len(found.sample):
            return LoneArray(kind, start, found.sample)
    return None


def describe_lone(file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
    found = _found(file)
    if found.content != MESSAGES:
        return {"format": f"slack_{found.content}", "notes": [_NO_CONTENT]}
    messages = [each for each in found.sample if isinstance(each, dict)]
    channels = dict.fromkeys(_conversation(each, context).title for each in messages)
    return {"format": "slack_messages", "channel_names": list(channels), "notes": [_ALONE]}


def plan_lone(file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
    found = _found(file)
    size = file.seek(0, 2)
    about = {"lone": found.content, "deleted": _deleted(file, found, context)}
    number, start = 0, found.array_start
    for border in element_borders(file, found.array_start, in_array=True):
        if border - start >= slice_bytes and border < size:
            yield _slice(number, start, border, {**about, IS_LAST: False})
            number, start = number + 1, border
    yield _slice(number, start, size, about)


def read_lone(file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
    rule = _RULES.get(part.context["lone"])
    readers = _Readers(context, part.context["deleted"])
    for element in _elements(file, part):
        place = Place(element.start, element.end)
        if element.error:
            yield RejectedItem(element.error, place, raw_start(element.raw))
            continue
        try:
            value = parse_value(element.raw)
        except UnreadableFileError as error:
            yield RejectedItem(error.message, place, raw_start(element.raw))
            continue
        yield DroppedItem(rule, place) if rule else readers.of(value).item(value, place)


class _Readers:
    """A reader for every conversation that the messages name."""

    def __init__(self, context: ParseContext, deleted: Mapping[str, Collection[str]]) -> None:
        self._context = context
        self._deleted = deleted
        self._readers: dict[str, MessageReader] = {}

    def of(self, message: JsonValue) -> MessageReader:
        conversation = _conversation(message if isinstance(message, dict) else {}, self._context)
        reader = self._readers.get(conversation.key)
        if reader is None:
            deleted = self._deleted.get(conversation.key, ())
            reader = MessageReader(
                self._context.source_type, NO_INDEX, conversation, deleted=deleted
            )
            self._readers[conversation.key] = reader
        return reader


def _found(file: BinaryIO) -> LoneArray:
    found = find_array(read_head(file))
    if found is None:
        raise UnreadableFileError(
            "the file is neither a Slack export nor a JSON array of Slack messages; "
            "export it again as JSON, or import it without naming slack as its source"
        )
    return found


def _elements(file: BinaryIO, part: Slice) -> Iterator[Element]:
    file.seek(part.start)
    reader = ElementReader(Section(file, part.end - part.start), start=part.start, in_array=True)
    yield from reader.elements(is_first=part.number == 0, is_last=part.context.get(IS_LAST, True))
    if reader.rest.strip():
        end = reader.rest_start + len(reader.rest)
        error = "the array has ended before it"
        yield Element(reader.rest, reader.rest_start, end, error)


def _deleted(file: BinaryIO, found: LoneArray, context: ParseContext) -> dict[str, list[str]]:
    """The ``ts`` of deleted messages, by their conversation's key."""
    deleted: dict[str, list[str]] = {}
    size = file.seek(0, 2)
    for element in _elements(file, _slice(0, found.array_start, size, {})):
        if b"message_deleted" in element.raw or b"tombstone" in element.raw:
            try:
                message = parse_value(element.raw)
            except UnreadableFileError:
                continue
            if ts := deleted_ts_of(message):
                deleted.setdefault(_conversation(message, context).key, []).append(ts)
    return deleted


def _conversation(message: JsonObject, context: ParseContext) -> Conversation:
    named = object_field(message, "channel")
    id = text_field(message, "channel_id", "channel") or text_field(named, "id")
    name = text_field(message, "channel_name") or text_field(named, "name") or id
    if name:
        return unlisted("", id or name, label=name, has_private_kinds=False)
    path = PurePosixPath(context.filename)
    if _DAY_NAME.match(path.name) and path.parent.name:
        return unlisted("", path.parent.name, has_private_kinds=False)
    kind = ConversationKind.UNKNOWN
    key = context.sha256[:32]
    return Conversation(key, path.stem, kind, ("public",), key)


def _slice(number: int, start: int, end: int, context: Mapping[str, JsonValue]) -> Slice:
    return Slice(number, start, end, size_bytes=end - start, context=context)


def _is_message(value: JsonObject) -> bool:
    is_timed = bool(_MESSAGE_TS.match(ts_text(value.get("ts"))))
    is_typed = value.get("type") == "message"
    return is_timed and (is_typed or ("text" in value and ("user" in value or "bot_id" in value)))


def _is_conversation(value: JsonObject) -> bool:
    is_named = bool(_CONVERSATION_ID.match(text_field(value, "id")))
    return is_named and "created" in value and ("members" in value or "name" in value)


def _is_user(value: JsonObject) -> bool:
    return bool(_USER_ID.match(text_field(value, "id"))) and bool(object_field(value, "profile"))


_KINDS = {MESSAGES: _is_message, CONVERSATIONS: _is_conversation, USERS: _is_user}
_NO_CONTENT = "the file says who and where, not what: it is counted, and nothing of it is searched"
_ALONE = (
    "messages outside of an export: people and channels are shown by their ids where messages "
    "do not name them; import the whole export as a zip to have their names"
)
