"""From plain story text to Slack's markup, as ``text`` and as rich-text blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from examples.builder.company import Company, call_id

_SPECIAL = re.compile(r"https://\S+|@[a-z]+\b|#[a-z]+(?:-[a-z]+)*\b")
_PLACEHOLDER = re.compile(r"\{(opp|call):([\w-]+)\}")


@dataclass(frozen=True, slots=True)
class Links:
    """What mentions, channel names and placeholders in the story point to."""

    company: Company
    channel_ids: dict[str, str]

    def fill(self, text: str) -> str:
        """Replace ``{opp:key}`` and ``{call:key}`` by the ids."""
        return _PLACEHOLDER.sub(self._id, text)

    def _id(self, found: re.Match[str]) -> str:
        kind, key = found.groups()
        return call_id(key) if kind == "call" else self.company.object_ids["opportunity", key]


def to_mrkdwn(text: str, links: Links) -> str:
    """Mentions and links in angle brackets, everything else escaped."""
    return "".join(_mrkdwn(element) for element in _elements(text, links))


def to_blocks(text: str, links: Links) -> list[dict[str, Any]]:
    """The same text as one rich-text block."""
    section = {"type": "rich_text_section", "elements": list(_elements(text, links))}
    return [{"type": "rich_text", "elements": [section]}]


def _mrkdwn(element: dict[str, str]) -> str:
    match element["type"]:
        case "user":
            return f"<@{element['user_id']}>"
        case "channel":
            return f"<#{element['channel_id']}>"
        case "link":
            return f"<{element['url']}>"
        case _:
            escaped = element["text"].replace("&", "&amp;")
            return escaped.replace("<", "&lt;").replace(">", "&gt;")


def _elements(text: str, links: Links) -> Iterator[dict[str, str]]:
    text = links.fill(text)
    done = 0
    for found in _SPECIAL.finditer(text):
        element = _special(found[0], links)
        if element is None:
            continue
        if found.start() > done:
            yield {"type": "text", "text": text[done : found.start()]}
        yield element
        done = found.end()
    if done < len(text):
        yield {"type": "text", "text": text[done:]}


def _special(word: str, links: Links) -> dict[str, str] | None:
    if word.startswith("https://"):
        return {"type": "link", "url": word}
    if word.startswith("@") and word[1:] in links.company.employees:
        return {"type": "user", "user_id": links.company.employees[word[1:]].slack_id}
    if word.startswith("#") and word[1:] in links.channel_ids:
        return {"type": "channel", "channel_id": links.channel_ids[word[1:]]}
    return None
