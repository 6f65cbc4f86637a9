"""Reads the conversations that ``story/slack.txt`` tells."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from examples.builder.company import STORY, local_time

_LINE = re.compile(
    r"(?P<indent> *)(?P<date>\d{4}-\d\d-\d\d )?(?P<time>\d\d:\d\d) (?P<who>\w+)  (?P<text>.+)"
)
_MARKS = re.compile(r" \{([^}]*)\}$")


@dataclass(slots=True)
class Message:
    """What somebody wrote; ``marks`` holds ``edited`` and ``broadcast``."""

    author: str
    when: datetime
    text: str
    marks: frozenset[str]
    reactions: dict[str, list[str]]
    file_name: str | None
    replies: list[Message] = field(default_factory=list)


@dataclass(slots=True)
class Channel:
    name: str
    purpose: str
    messages: list[Message] = field(default_factory=list)

    @property
    def channel_id(self) -> str:
        return "C0" + blake2b(self.name.encode(), digest_size=5).hexdigest()[:9].upper()

    @property
    def members(self) -> list[str]:
        """Who ever wrote here, in order of appearance."""
        said = [line for message in self.messages for line in (message, *message.replies)]
        return list(dict.fromkeys(line.author for line in said))


def read_channels() -> list[Channel]:
    """All channels, in the story's order."""
    channels: list[Channel] = []
    day = ""
    for line in (STORY / "slack.txt").read_text("utf-8").splitlines():
        if line.startswith("# ") or not line:
            continue
        if line.startswith("#"):
            name, _, purpose = line[1:].partition(" | ")
            channels.append(Channel(name, purpose))
        elif line.startswith("== "):
            day = line[3:]
        else:
            _add_line(channels[-1], day, line)
    return channels


def _add_line(channel: Channel, day: str, line: str) -> None:
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError(f"not a message: {line!r}")
    date = (found["date"] or day).strip()
    message = _message(found["who"], local_time(f"{date} {found['time']}"), found["text"])
    if found["indent"]:
        channel.messages[-1].replies.append(message)
    else:
        channel.messages.append(message)


def _message(author: str, when: datetime, text: str) -> Message:
    marks: set[str] = set()
    reactions: dict[str, list[str]] = {}
    file_name = None
    while found := _MARKS.search(text):
        text = text[: found.start()]
        for mark in found[1].split(" "):
            if mark.startswith("+"):
                emoji, _, who = mark[1:].partition(":")
                reactions[emoji] = who.split(",")
            elif mark.startswith("file:"):
                file_name = mark.removeprefix("file:")
            else:
                marks.add(mark)
    return Message(author, when, text, frozenset(marks), reactions, file_name)
