"""Who speaks in a Slack message, whom it addresses, and in which thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from domain.mentions.fields import described, objects_of, text_of
from domain.mentions.keys import email_key, opaque_id_key, slack_user_key
from domain.models.entities import Description, EntityKind, Mention, Role
from domain.models.records import ContentType, JsonValue, Record

MAX_THREAD_NAME_CHARS = 80


def slack_mentions(record: Record) -> Iterator[Mention]:
    metadata = record.metadata
    author = _author(record, metadata)
    if author:
        yield Mention(author, Role.AUTHOR)
    for person in objects_of(metadata, "mentions"):
        team = text_of(person, "team_id") or text_of(metadata, "team_id")
        addressed = _user(
            text_of(person, "user_id"), team, text_of(person, "email"), text_of(person, "name")
        )
        if addressed:
            yield Mention(addressed, Role.REFERENCE)
    if record.thread:
        yield Mention(_thread(record, record.thread), Role.SUBJECT)


def _author(record: Record, metadata: Mapping[str, JsonValue]) -> Description | None:
    """Bots are no people."""
    if metadata.get("is_bot") is True:
        return None
    return _user(
        text_of(metadata, "user_id"),
        text_of(metadata, "team_id"),
        text_of(metadata, "author_email"),
        record.author or "",
    )


def _user(user_id: str, team: str, email: str, name: str) -> Description | None:
    if not user_id or user_id == "USLACKBOT":
        return None
    keys = [slack_user_key(user_id, team), opaque_id_key(user_id), email_key(email)]
    return described(EntityKind.PERSON, keys, name if name != user_id else "")


def _thread(record: Record, thread: str) -> Description:
    """Of its first message a thread has its name."""
    is_first = record.native_id == thread and record.content_type is ContentType.MESSAGE
    words = " ".join(record.content.split()) if is_first else ""
    is_short = len(words) <= MAX_THREAD_NAME_CHARS
    name = words if is_short else f"{words[:MAX_THREAD_NAME_CHARS].rpartition(' ')[0]} …"
    return Description(EntityKind.THREAD, frozenset({f"slack-thread:{thread}"}), name or None)
