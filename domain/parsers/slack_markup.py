"""Slack's markup (mrkdwn) as plain text: mentions by name, links readable, entities decoded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

_ANGLES = (
    r"<(?:@(?P<user>[A-Z0-9]+)"
    r"|#(?P<channel>[A-Z0-9]+)"
    r"|!(?P<special>[a-z][^<>|]*)"
    r"|(?P<url>[A-Za-z][A-Za-z0-9+.-]*://[^<>|\s]+|(?:mailto|tel|sip|callto):[^<>|]+)"
    r")(?:\|(?P<label>[^<>]*))?>"
)
_CODE = r"(?P<code>```.*?```|`[^`\n]+`)"
_ANGLES_ONLY = re.compile(_ANGLES)
_CODE_OR_ANGLES = re.compile(f"{_CODE}|{_ANGLES}", re.DOTALL)
_SCHEMES_NOT_SHOWN = ("mailto:", "tel:", "sip:", "callto:")


@dataclass(frozen=True, slots=True)
class Names:
    """What users (``U…``, ``W…``, ``B…``) and channels (``C…``, ``G…``) are called, by their id."""

    users: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)


def render_markup(text: str, names: Names) -> str:
    """Turn a message's ``text`` into what its readers saw.

    Emphasis and ``:emoji:`` stay as typed. In code only what Slack itself put there is undone:
    links become the typed text again. Entities come last, so that an escaped ``&lt;@U1&gt;``
    remains the text ``<@U1>``.
    """
    if "<" in text:
        if "`" in text:
            text = _CODE_OR_ANGLES.sub(lambda match: _outside_code(match, names), text)
        else:
            text = _ANGLES_ONLY.sub(lambda match: _angle_text(match, names), text)
    return decode_entities(text)


def decode_entities(text: str) -> str:
    """Undo Slack's three escapes; ``&amp;`` last, or ``&amp;lt;`` would be decoded twice."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def link_text(url: str, label: str) -> str:
    """A link as text: label and address, or only one of them where the other adds nothing."""
    address = url.partition(":")[2].lstrip("/")
    if label and label in (url, address, address.rstrip("/")):
        return label
    shown = address if url.startswith(_SCHEMES_NOT_SHOWN) else url
    return f"{label} ({shown})" if label else shown


def date_text(seconds: str) -> str:
    """A point in time (seconds since 1970) for readers, UTC; other texts come back unchanged."""
    try:
        moment = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return seconds
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def user_text(user_id: str, names: Names, label: str = "") -> str:
    return "@" + (names.users.get(user_id) or label.removeprefix("@") or user_id)


def channel_text(channel_id: str, names: Names, label: str = "") -> str:
    return "#" + (label.removeprefix("#") or names.channels.get(channel_id) or channel_id)


def _outside_code(match: re.Match[str], names: Names) -> str:
    code = match["code"]
    if code is None:
        return _angle_text(match, names)
    return _ANGLES_ONLY.sub(lambda inner: _angle_text_in_code(inner, names), code)


def _angle_text(match: re.Match[str], names: Names) -> str:
    label = match["label"] or ""
    if user := match["user"]:
        return user_text(user, names, label)
    if channel := match["channel"]:
        return channel_text(channel, names, label)
    if special := match["special"]:
        return _special_text(special, label)
    return link_text(match["url"], label)


def _angle_text_in_code(match: re.Match[str], names: Names) -> str:
    if match["url"]:
        return match["label"] or match["url"]
    return _angle_text(match, names)


def _special_text(special: str, label: str) -> str:
    """``<!here>``, ``<!subteam^S1|@team>``, ``<!date^…|fallback>`` and whatever comes next."""
    kind, _, rest = special.partition("^")
    if kind == "date":
        return label or date_text(rest.partition("^")[0])
    if label:
        return label if kind not in ("here", "channel", "everyone") else f"@{label.lstrip('@')}"
    return "@" + (rest or kind)
