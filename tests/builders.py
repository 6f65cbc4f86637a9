"""Builders of valid inputs; a test states only what matters to it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from domain.models.files import ImportOptions
from domain.models.records import ParsedItem, Record
from domain.ports.parser import ParseContext, Parser

Json = Any


def slack_message(text: str = "hello", ts: str = "1700000000.000100", **fields: Json) -> Json:
    """A message that Ada (``U1``) wrote, unless ``fields`` say otherwise."""
    return {"type": "message", "user": "U1", "text": text, "ts": ts, **fields}


def slack_user(id: str = "U1", display_name: str = "ada", **fields: Json) -> Json:
    return {"id": id, "name": id.lower(), "profile": {"display_name": display_name}, **fields}


def slack_channel(id: str = "C1", name: str = "general", **fields: Json) -> Json:
    return {"id": id, "name": name, "created": "1700000000", "members": ["U1"], **fields}


def slack_export(
    days: Mapping[str, Sequence[Json] | bytes] | None = None,
    *,
    users: Sequence[Json] | None = (slack_user(),),
    channels: Sequence[Json] | None = (slack_channel(),),
    others: Mapping[str, Json] | None = None,
    root: str = "",
) -> bytes:
    """A Slack export: ``days`` maps ``folder/YYYY-MM-DD`` to messages or to raw bytes.

    ``users`` or ``channels`` of ``None`` leave the file out; ``others`` adds members by name.
    """
    members: dict[str, Json] = {}
    if channels is not None:
        members["channels.json"] = list(channels)
    if users is not None:
        members["users.json"] = list(users)
    members |= {f"{day}.json": messages for day, messages in (days or {}).items()}
    members |= others or {}
    return zip_of({root + name: content for name, content in members.items()})


def zip_of(members: Mapping[str, Json]) -> bytes:
    """An archive of the members, in order; what is not bytes is written as JSON."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return packed.getvalue()


def parse_context(
    content: bytes = b"", filename: str = "upload", source_type: str = "csv", **options: Any
) -> ParseContext:
    """What a parser is told about a file; ``options`` are those of ``ImportOptions``."""
    digest = sha256(content).hexdigest()
    return ParseContext(filename, source_type, digest, ImportOptions(**options))


def items_in(
    parser: Parser, content: bytes, *, slice_bytes: int = 10_000_000, **context: Any
) -> list[ParsedItem]:
    """Every item that a parser finds in a file, slice after slice."""
    file = io.BytesIO(content)
    about = parse_context(content, **context)
    parts = list(parser.plan(file, about, slice_bytes=slice_bytes))
    return [item for part in parts for item in parser.read(file, part, about)]


def records_in(parser: Parser, content: bytes, **context: Any) -> list[Record]:
    """The records among ``items_in``."""
    items = items_in(parser, content, **context)
    return [item for item in items if isinstance(item, Record)]


def described(parser: Parser, content: bytes, **context: Any) -> dict[str, Any]:
    """What a parser tells about a file before reading it."""
    return parser.describe(io.BytesIO(content), parse_context(content, **context))
