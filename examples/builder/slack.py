"""The workspace's export: channels, users and one file per channel and day, in a zip archive."""

from __future__ import annotations

import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from examples.builder.company import Company, Person, local_time
from examples.builder.slack_bot import BOT_ID, BotPost, bot_posts
from examples.builder.slack_markup import Links, to_blocks, to_mrkdwn
from examples.builder.slack_story import Channel, Message, read_channels

TEAM_ID = "T0TARNBECK"
_ZIP_TIME = (2025, 11, 3, 8, 0, 0)
_OPENING_DAY = "2025-08-01 08:00"
_WHEN_INVITED = {"acct-kestermill": "2025-08-26 13:01", "acct-quellhof": "2025-08-18 09:00"}


def build_export(company: Company) -> bytes:
    """The archive's bytes, the same on every call."""
    channels = read_channels()
    links = Links(company, {channel.name: channel.channel_id for channel in channels})
    members = {
        "channels.json": _json([_channel_json(channel, company) for channel in channels]),
        "users.json": _json([_user_json(person) for person in company.employees.values()]),
    }
    for channel in channels:
        for day, messages in _days(channel, company, links).items():
            members[f"{channel.name}/{day}.json"] = _json(messages)
    return _zip(members)


def _days(channel: Channel, company: Company, links: Links) -> dict[str, list[dict[str, Any]]]:
    timed = [
        *_arrivals(channel, company),
        *_bot_messages(channel, company),
        *_conversations(channel, company, links),
    ]
    days: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for when, message in sorted(timed, key=lambda pair: pair[1]["ts"]):
        days[when.date().isoformat()].append(message)
    return dict(sorted(days.items()))


Timed = tuple[datetime, dict[str, Any]]


def _arrivals(channel: Channel, company: Company) -> Iterable[Timed]:
    """The system messages: everybody joins, the first one sets the topic."""
    opened = local_time(_WHEN_INVITED.get(channel.name, _OPENING_DAY))
    people = [company.speaker(key) for key in channel.members]
    for number, person in enumerate(people):
        when = opened + timedelta(seconds=40 * number)
        text = f"<@{person.slack_id}> has joined the channel"
        message = _system("channel_join", person, text, _timestamp(channel, when, person.key))
        yield when, message
    when = opened + timedelta(minutes=20)
    text = f"set the channel topic: {channel.purpose}"
    message = _system("channel_topic", people[0], text, _timestamp(channel, when, "topic"))
    yield when, {**message, "topic": channel.purpose}


def _bot_messages(channel: Channel, company: Company) -> Iterable[Timed]:
    for post in bot_posts(channel.name, company):
        yield post.when, _bot_json(post, _timestamp(channel, post.when, post.text))


def _bot_json(post: BotPost, timestamp: str) -> dict[str, Any]:
    return {
        "type": "message",
        "subtype": "bot_message",
        "bot_id": BOT_ID,
        "username": "Tarnview",
        "text": post.text,
        "attachments": post.attachments,
        "ts": timestamp,
        "team": TEAM_ID,
    }


def _conversations(channel: Channel, company: Company, links: Links) -> Iterable[Timed]:
    for parent in channel.messages:
        root = _timestamp(channel, parent.when, parent.text)
        message = _message_json(parent, root, company, links)
        stamped = [(_timestamp(channel, reply.when, reply.text), reply) for reply in parent.replies]
        yield parent.when, {**message, **_thread_facts(root, stamped, company)}
        for timestamp, reply in stamped:
            answer = _message_json(reply, timestamp, company, links)
            answer |= {
                "thread_ts": root,
                "parent_user_id": company.speaker(parent.author).slack_id,
            }
            if "broadcast" in reply.marks:
                answer |= {"subtype": "thread_broadcast", "root": {"text": parent.text, "ts": root}}
            yield reply.when, answer


def _thread_facts(
    root: str, replies: Sequence[tuple[str, Message]], company: Company
) -> dict[str, Any]:
    if not replies:
        return {}
    users = list(dict.fromkeys(company.speaker(reply.author).slack_id for _, reply in replies))
    return {
        "thread_ts": root,
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "reply_users": users,
        "latest_reply": replies[-1][0],
        "subscribed": False,
    }


def _message_json(
    message: Message, timestamp: str, company: Company, links: Links
) -> dict[str, Any]:
    author = company.speaker(message.author)
    content = {
        "type": "message",
        "user": author.slack_id,
        "text": to_mrkdwn(message.text, links),
        "ts": timestamp,
        "team": TEAM_ID,
        "user_team": "T0OUTSIDE1" if author.account else TEAM_ID,
        "user_profile": _profile(author),
        "blocks": to_blocks(message.text, links),
    }
    if "edited" in message.marks:
        content["edited"] = {"user": author.slack_id, "ts": _later(timestamp)}
    if message.file_name:
        content["files"] = [_file_json(message.file_name, author, timestamp)]
    if message.reactions:
        content["reactions"] = [
            {"name": name, "users": _slack_ids(keys, company), "count": len(keys)}
            for name, keys in message.reactions.items()
        ]
    return content


def _file_json(name: str, author: Person, timestamp: str) -> dict[str, Any]:
    return {
        "id": "F0TB14PAGES",
        "created": int(timestamp.split(".")[0]),
        "name": name,
        "title": name.removesuffix(".pdf").replace("-", " ").capitalize(),
        "mimetype": "application/pdf",
        "filetype": "pdf",
        "size": 412_338,
        "user": author.slack_id,
        "mode": "hosted",
    }


def _slack_ids(keys: Sequence[str], company: Company) -> list[str]:
    return [company.speaker(key).slack_id for key in keys]


def _system(subtype: str, person: Person, text: str, timestamp: str) -> dict[str, Any]:
    return {
        "type": "message",
        "subtype": subtype,
        "user": person.slack_id,
        "text": text,
        "ts": timestamp,
    }


def _timestamp(channel: Channel, when: datetime, salt: str) -> str:
    """Slack's name for a message: seconds, and six digits that make it unique in its channel."""
    fraction = sum(ord(char) * at for at, char in enumerate(channel.name + salt, start=7)) % 10**6
    return f"{int(when.timestamp())}.{fraction:06d}"


def _later(timestamp: str) -> str:
    return f"{int(timestamp.split('.')[0]) + 95}.000000"


def _profile(person: Person) -> dict[str, Any]:
    return {
        "real_name": person.name,
        "display_name": person.key.split(".")[0],
        "first_name": person.name.split(" ")[0],
        "name": person.email.split("@")[0],
        "team": "T0OUTSIDE1" if person.account else TEAM_ID,
    }


def _user_json(person: Person) -> dict[str, Any]:
    return {
        "id": person.slack_id,
        "team_id": TEAM_ID,
        "name": person.email.split("@")[0],
        "deleted": person.has_left,
        "is_bot": False,
        "profile": {**_profile(person), "title": person.title, "email": person.email},
    }


def _channel_json(channel: Channel, company: Company) -> dict[str, Any]:
    first = company.speaker(channel.members[0]).slack_id
    opened = int(local_time(_WHEN_INVITED.get(channel.name, _OPENING_DAY)).timestamp())
    note = {"value": channel.purpose, "creator": first, "last_set": opened}
    return {
        "id": channel.channel_id,
        "name": channel.name,
        "created": opened,
        "creator": first,
        "is_archived": False,
        "is_general": channel.name == "general",
        "members": _slack_ids(channel.members, company),
        "topic": note,
        "purpose": note,
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _zip(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, _ZIP_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return target.getvalue()
