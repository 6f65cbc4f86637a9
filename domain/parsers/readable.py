"""Turning nested JSON values into lines that a person reads and a search finds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from domain.models.records import JsonValue

_SPOKEN_KEYS = ("text", "sentence", "utterance", "body", "content", "message")
_SPEAKER_KEYS = (
    "speaker",
    "speakerName",
    "speaker_name",
    "speakerId",
    "speaker_id",
    "author",
    "user",
    "from",
    "name",
    "role",
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean_text(text: str) -> str:
    """``text`` with what no store accepts (NUL, lone surrogates) replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def clean_value(value: JsonValue) -> JsonValue:
    """``clean_text`` for every string and key inside a value."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(key): clean_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_value(item) for item in value]
    return value


def is_blank(value: JsonValue) -> bool:
    """Whether a value says nothing: null, an empty container, or only white space."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or value == [] or value == {}


def scalar_text(value: JsonValue) -> str:
    """A scalar as JSON users write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def lines_of(name: str, value: JsonValue) -> Iterator[str]:
    """``name: value`` lines for a value of any depth; blank values yield nothing."""
    if is_blank(value):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield from lines_of(f"{name}.{key}" if name else key, item)
    elif isinstance(value, list):
        yield from _list_lines(name, value)
    else:
        yield f"{name}: {scalar_text(value)}" if name else scalar_text(value)


def _list_lines(name: str, items: Sequence[JsonValue]) -> Iterator[str]:
    prefix = f"{name}: " if name else ""
    if not any(isinstance(item, dict | list) for item in items):
        yield prefix + ", ".join(scalar_text(item) for item in items if not is_blank(item))
        return
    spoken = [_spoken_line(item) if isinstance(item, dict) else None for item in items]
    for item, line in zip(items, spoken, strict=True):
        text = line or _compact(item)
        if text:
            yield text if line else prefix + text


def _spoken_line(item: Mapping[str, JsonValue]) -> str | None:
    """``speaker: what was said``, if the object is a turn of a conversation.

    Numbers beside the words (offsets, confidences) stay out of the line; other texts follow it.
    """
    key, said = _said(item)
    if said is None:
        return None
    speaker = next((k for k in _SPEAKER_KEYS if k != key and _is_scalar_text(item.get(k))), None)
    rest = [
        f"{k}: {text}"
        for k, value in item.items()
        if k not in (key, speaker) and not isinstance(value, int | float)
        if (text := _compact(value))
    ]
    line = f"{scalar_text(item[speaker])}: {said}" if speaker else said
    return f"{line} ({', '.join(rest)})" if rest else line


def _said(item: Mapping[str, JsonValue]) -> tuple[str | None, str | None]:
    for key in _SPOKEN_KEYS:
        value = item.get(key)
        if isinstance(value, str) and value.strip():
            return key, value
    sentences = item.get("sentences")
    if isinstance(sentences, list) and sentences:
        texts = [s.get("text") if isinstance(s, dict) else s for s in sentences]
        said = [text for text in texts if isinstance(text, str)]
        if len(said) == len(texts):
            return "sentences", " ".join(said)
    return None, None


def is_turn(item: Mapping[str, JsonValue]) -> bool:
    """Whether an object is what one person said in a conversation."""
    return _said(item)[0] is not None and any(key in item for key in _SPEAKER_KEYS)


def _is_scalar_text(value: JsonValue) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and not is_blank(value)


def _compact(value: JsonValue) -> str:
    """A value of any depth on one line; blank parts are left out."""
    if is_blank(value):
        return ""
    if isinstance(value, dict):
        parts = ((key, _compact(item)) for key, item in value.items())
        return ", ".join(f"{key}: {text}" for key, text in parts if text)
    if isinstance(value, list):
        return "; ".join(text for item in value if (text := _compact(item)))
    return scalar_text(value)
