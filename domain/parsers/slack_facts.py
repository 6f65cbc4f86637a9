"""Facts of a Slack message beside its text: when, who, which thread, how often answered.

Most messages have few of the fields that they could have, and this runs for every one of them:
so each function asks for a field before it calls what reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from domain.models.records import JsonValue
from domain.parsers.slack_blocks import file_name
from domain.parsers.slack_fields import (
    JsonObject,
    object_field,
    objects_field,
    text_field,
    whole_number_field,
)

_CHANGING_FIELDS = frozenset(("latest_reply", "reply_count", "replies", "reactions"))
_TS = re.compile(r"[0-9]{1,10}(?:\.([0-9]{1,6}))?")
_USUAL_CHARS = len("1700000000.000100")
_EXACT_BELOW = "4200000000.000000"
"""Below, a float tells microseconds apart; it is the fastest way to a moment."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ts_text(ts: JsonValue) -> str:
    """A valid ``ts`` as the text it is in Slack; empty for anything else."""
    if isinstance(ts, float):
        ts = f"{ts:.6f}"
    elif isinstance(ts, int) and not isinstance(ts, bool):
        ts = str(ts)
    return ts if isinstance(ts, str) and _TS.fullmatch(ts) else ""


def moment(ts: str) -> datetime:
    """When a valid ``ts`` was, to the microsecond."""
    if len(ts) == _USUAL_CHARS and ts < _EXACT_BELOW:
        return datetime.fromtimestamp(float(ts), UTC)
    seconds, _, fraction = ts.partition(".")
    return _EPOCH + timedelta(0, int(seconds), int(fraction.ljust(6, "0") or 0))


def user_id_of(message: JsonObject) -> str:
    """Who wrote it: for a huddle who began it, for a legacy comment who commented."""
    if message.get("subtype") == "huddle_thread":
        began = text_field(object_field(message, "room"), "created_by")
        return began or text_field(message, "user")
    user = message.get("user")
    if user and isinstance(user, str) and not user.isspace():
        return user
    return text_field(object_field(message, "comment"), "user")


def thread_ts_of(message: JsonObject, ts: str) -> str:
    """The ``ts`` of the thread's parent; a message with replies is its own parent."""
    if "thread_ts" in message and (thread_ts := ts_text(message["thread_ts"])):
        return thread_ts
    return ts if reply_count(message) else ""


def reply_count(message: JsonObject) -> int:
    if "reply_count" in message and (count := whole_number_field(message, "reply_count")):
        return count
    return len(objects_field(message, "replies")) if "replies" in message else 0


def edited_ts_of(message: JsonObject) -> str:
    return ts_text(object_field(message, "edited").get("ts")) if "edited" in message else ""


def files_of(message: JsonObject) -> list[JsonObject]:
    """Attached files, in today's shape and in the one before 2018."""
    if "files" not in message and "file" not in message:
        return []
    legacy = object_field(message, "file")
    return objects_field(message, "files") + ([legacy] if legacy else [])


def add_details(
    metadata: dict[str, JsonValue], message: JsonObject, thread_ts: str, edited_ts: str
) -> None:
    """Add the metadata that only some messages have."""
    if thread_ts:
        metadata["thread_ts"] = thread_ts
        if replies := reply_count(message):
            metadata["reply_count"] = replies
    if "subtype" in message and (subtype := text_field(message, "subtype")):
        metadata["subtype"] = subtype
    if edited_ts:
        metadata["edited_ts"] = edited_ts
    if "reactions" in message and (reactions := objects_field(message, "reactions")):
        metadata["reactions"] = [_reaction(each) for each in reactions]
    files = [name for file in files_of(message) if (name := file_name(file))]
    if files:
        metadata["files"] = files


def version_of(message: JsonObject, changed_ts: str, *, has_url: bool, event_ts: str = "") -> str:
    """Sorts the copies that overlapping exports hold of a message, whatever order they come in.

    A later edit wins, then more replies, then more reactions, then the copy with a permalink.
    A copy out of the record of a change (``event_ts``) wins over one that is equal otherwise:
    not every change, a preview added to a link for one, counts as an edit.
    """
    suffix = f"/{event_ts}" if event_ts else ""
    if _CHANGING_FIELDS.isdisjoint(message):
        return f"{changed_ts}//000000/000000/{int(has_url)}{suffix}"
    latest_reply = ts_text(message.get("latest_reply"))
    replies = reply_count(message)
    reactions = sum(_reaction_count(each) for each in objects_field(message, "reactions"))
    return f"{changed_ts}/{latest_reply}/{replies:06d}/{reactions:06d}/{int(has_url)}{suffix}"


def _reaction(reaction: JsonObject) -> str:
    return f"{text_field(reaction, 'name')}:{_reaction_count(reaction)}"


def _reaction_count(reaction: Mapping[str, JsonValue]) -> int:
    users = reaction.get("users")
    listed = len(users) if isinstance(users, list) else 0
    return whole_number_field(reaction, "count") or listed or 1
