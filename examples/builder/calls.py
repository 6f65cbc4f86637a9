"""The recorded calls, as the extensive answer of a call recorder lists them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from examples.builder.company import STORY, Company, Person, call_id

_SPOKEN = re.compile(r"(\d\d):(\d\d) (\S+)  (.+)")
_SENTENCE_END = re.compile(r"(?<=[.!?]) ")
_MILLISECONDS_PER_CHARACTER = 62


@dataclass(slots=True)
class _Call:
    key: str
    title: str
    started: str
    scope: str
    facts: dict[str, str] = field(default_factory=dict)
    spoken: list[tuple[int, str, str]] = field(default_factory=list)


def build_calls(company: Company) -> bytes:
    """One page of calls as JSON text."""
    calls = sorted(_read_calls(), key=lambda call: datetime.fromisoformat(call.started))
    page = {
        "requestId": "7bq2tarnbeck0sample1",
        "records": {
            "totalRecords": len(calls),
            "currentPageSize": len(calls),
            "currentPageNumber": 0,
        },
        "calls": [_call_json(call, company) for call in calls],
    }
    return (json.dumps(page, ensure_ascii=False, indent=1) + "\n").encode()


def _read_calls() -> list[_Call]:
    calls: list[_Call] = []
    for line in (STORY / "calls.txt").read_text("utf-8").splitlines():
        if line.startswith("@ "):
            calls.append(_Call(*(part.strip() for part in line[2:].split(" | "))))
        elif spoken := _SPOKEN.fullmatch(line):
            minutes, seconds, who, text = spoken.groups()
            calls[-1].spoken.append((int(minutes) * 60_000 + int(seconds) * 1000, who, text))
        elif line and not line.startswith("#"):
            name, _, value = line.partition(": ")
            calls[-1].facts[name] = value
    return calls


def _call_json(call: _Call, company: Company) -> dict[str, Any]:
    people = [company.speaker(key) for key in call.facts["parties"].split(", ")]
    last_start, _, last_text = call.spoken[-1]
    number = call_id(call.key)
    return {
        "metaData": {
            "id": number,
            "url": f"https://app.gong.io/call?id={number}",
            "title": call.title,
            "scheduled": call.started,
            "started": call.started,
            "duration": last_start // 1000 + _duration_ms(last_text) // 1000 + 4,
            "primaryUserId": people[0].speaker_id,
            "direction": "Conference",
            "scope": call.scope,
            "media": "Video",
            "language": "eng",
            "isPrivate": False,
        },
        "context": [{"system": "Salesforce", "objects": _crm_objects(call, company)}],
        "parties": [_party(person, company) for person in people],
        "content": {
            "brief": call.facts["brief"],
            "keyPoints": [{"text": point} for point in call.facts["points"].split("; ")],
        },
        "transcript": [_monologue(*spoken, company) for spoken in call.spoken],
    }


def _crm_objects(call: _Call, company: Company) -> list[dict[str, Any]]:
    pairs = [pair.split(" ") for pair in call.facts["crm"].split(", ")]
    return [
        {"objectType": kind.capitalize(), "objectId": company.object_ids[kind, key], "fields": []}
        for kind, key in pairs
    ]


def _party(person: Person, company: Company) -> dict[str, Any]:
    party: dict[str, Any] = {
        "id": person.speaker_id[::-1],
        "emailAddress": person.email,
        "name": person.name,
        "title": person.title,
        "speakerId": person.speaker_id,
        "affiliation": "External" if person.account else "Internal",
        "methods": ["Invitee", "Attendee"],
    }
    if person.account:
        contact_id = company.object_ids["contact", person.key]
        contact = {"objectType": "Contact", "objectId": contact_id, "fields": []}
        return {**party, "context": [{"system": "Salesforce", "objects": [contact]}]}
    return {**party, "userId": person.speaker_id}


def _monologue(start: int, who: str, text: str, company: Company) -> dict[str, Any]:
    sentences = []
    for sentence in _SENTENCE_END.split(text):
        end = start + _duration_ms(sentence)
        sentences.append({"start": start, "end": end, "text": sentence})
        start = end + 180
    return {"speakerId": company.speaker(who).speaker_id, "topic": None, "sentences": sentences}


def _duration_ms(text: str) -> int:
    return len(text) * _MILLISECONDS_PER_CHARACTER
