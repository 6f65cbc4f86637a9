"""Builders of what Gong's API answers, and of the ways in which people save it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from domain.models.records import Place
from tests.builders import Json

CALL_ID = "7782342274025937895"
ADA, BO = "111", "222"


def details(id: str = CALL_ID, **fields: Json) -> Json:
    """A call as the list of calls has it."""
    return {
        "id": id,
        "url": f"https://eu-1.app.gong.io/call?id={id}",
        "title": "Renewal review",
        "started": "2025-09-16T13:30:00+02:00",
        "duration": 460,
        "primaryUserId": "u1",
        "direction": "Outbound",
        "scope": "External",
        "media": "Video",
        "language": "eng",
        "workspaceId": "w1",
        "isPrivate": False,
        **fields,
    }


def party(name: str | None = "Ada Lovelace", speaker_id: str | None = ADA, **fields: Json) -> Json:
    """Someone of the company, unless ``fields`` say otherwise."""
    return {
        "id": f"p-{speaker_id}",
        "name": name,
        "speakerId": speaker_id,
        "affiliation": "Internal",
        "userId": "u1",
        "emailAddress": "Ada@tarnbeck.example",
        "title": "Account executive",
        **fields,
    }


def customer(name: str = "Bo Agnew", speaker_id: str = BO, **fields: Json) -> Json:
    email = "bo@kestermill.example"
    outside = {"affiliation": "External", "userId": None, "emailAddress": email, "title": None}
    return party(name, speaker_id, **{**outside, **fields})


def extensive(id: str = CALL_ID, /, **parts: Json) -> Json:
    """A call with its parties; ``metaData`` in ``parts`` replaces its details."""
    return {"metaData": details(id), "parties": [party(), customer()], **parts}


def monologue(speaker_id: str | None, *texts: str, start: int = 0, **fields: Json) -> Json:
    """What one person said: a sentence each second from ``start`` (in milliseconds)."""
    sentences = [
        {"start": start + 1000 * number, "end": start + 1000 * number + 900, "text": text}
        for number, text in enumerate(texts)
    ]
    return {"speakerId": speaker_id, "topic": None, "sentences": sentences, **fields}


TALK = [
    monologue(ADA, "Thank you for coming.", "Shall we begin?", start=5000),
    monologue(BO, "We will delay the renewal.", start=20_000, topic="Pricing"),
]


def transcript(id: str = CALL_ID, monologues: Sequence[Json] = TALK) -> Json:
    return {"callId": id, "transcript": list(monologues)}


def page(**lists: Sequence[Json]) -> Json:
    """An answer with lists, such as ``calls``."""
    records = {"totalRecords": 2, "currentPageSize": 2, "currentPageNumber": 0, "cursor": "c"}
    return {"requestId": "4al018gzaztcr8nbukw", "records": records, **lists}


def error(said: str = "No calls found corresponding to the provided filters") -> Json:
    return {"requestId": "2vpoxzuzrraar3iw4mn", "errors": [said]}


def _lines(values: Sequence[Json]) -> bytes:
    return b"\n".join(map(orjson.dumps, values)) + b"\n"


def _pages(name: str, values: Sequence[Json]) -> list[Json]:
    return [page(**{name: values[:1]}), page(**{name: values[1:]})]


SHAPES: Mapping[str, Callable[[str, Sequence[Json]], bytes]] = {
    "page": lambda name, values: orjson.dumps(page(**{name: values})),
    "pretty-page": lambda name, values: orjson.dumps(
        page(**{name: values}), option=orjson.OPT_INDENT_2
    ),
    "bare-page": lambda name, values: orjson.dumps({name: values}),
    "wrapped-page": lambda name, values: orjson.dumps({"data": page(**{name: values})}),
    "array-of-pages": lambda name, values: orjson.dumps(_pages(name, values)),
    "lines-of-pages": lambda name, values: _lines(_pages(name, values)),
    "array": lambda name, values: orjson.dumps(values),
    "lines": lambda name, values: _lines(values),
    "concatenated": lambda name, values: b"\n".join(
        orjson.dumps(value, option=orjson.OPT_INDENT_2) for value in values
    ),
    "utf-16": lambda name, values: orjson.dumps(page(**{name: values})).decode().encode("utf-16"),
}
"""Ways to save the elements of a list of that name."""


def without_place(records: Sequence[Any]) -> list[Any]:
    """The records as if they all lay at the same place."""
    return [replace(record, place=Place(0, 0)) for record in records]
