"""What is known of a call, from either of the forms in which Gong tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.parsers.gong_fields import id_field
from domain.parsers.gong_people import (
    CrmObject,
    Party,
    crm_objects_of,
    parties_of,
    visibility_of,
)
from domain.parsers.slack_fields import JsonObject, object_field, text_field
from domain.parsers.timestamps import parse_timestamp

_PARTS = ("parties", "content", "context", "interaction", "collaboration")
_CONTENTS = (
    *("brief", "outline", "keyPoints", "highlights", "topics", "trackers", "callOutcome"),
    *("pointsOfInterest", "structure"),
)


@dataclass(frozen=True, slots=True)
class Call:
    """``details`` are the fields of the list of calls, ``value`` is all that was told."""

    id: str
    details: JsonObject
    value: JsonObject
    parties: tuple[Party, ...]
    crm_objects: tuple[CrmObject, ...]
    started: datetime | None
    visibility: tuple[str, ...]

    @property
    def content(self) -> JsonObject:
        """What Gong has found in it."""
        return object_field(self.value, "content")

    @property
    def title(self) -> str:
        return text_field(self.details, "title").strip()

    @property
    def shown_title(self) -> str:
        return self.title or default_title(self.id)

    @property
    def url(self) -> str:
        return text_field(self.details, "url").strip() or default_url(self.id)

    @property
    def host(self) -> Party | None:
        """Whose call it is, if they are among the people in it."""
        host = id_field(self.details, "primaryUserId")
        return next((party for party in self.parties if host and party.user_id == host), None)

    @property
    def speakers(self) -> dict[str, Party]:
        """Those who have a name, by speaker id."""
        return {p.speaker_id: p for p in self.parties if p.speaker_id and p.shown}

    @property
    def version(self) -> str:
        """Greater for a copy with more in it: how many of its parts are filled, then which.

        Gong tells no time of change. So copies with the same parts are equal, and the one that
        is imported later wins.
        """
        filled = [bool(self.value.get(part)) for part in _PARTS]
        filled += [bool(self.content.get(part)) for part in _CONTENTS]
        mask = "".join("1" if is_filled else "0" for is_filled in filled)
        return f"{sum(filled):02d}.{int(mask, 2):04x}"


def call_of(value: JsonObject) -> Call | None:
    """The call in an object, extensive or listed; ``None`` if it has no id."""
    details = value["metaData"] if isinstance(value.get("metaData"), dict) else value
    id = id_field(details, "id")
    if not id:
        return None
    parties = parties_of(value)
    return Call(
        id=id,
        details=details,
        value=value,
        parties=parties,
        crm_objects=crm_objects_of(value),
        started=parse_timestamp(details.get("started") or details.get("scheduled")),
        visibility=visibility_of(details, parties),
    )


def default_title(call_id: str) -> str:
    return f"Call {call_id}"


def default_url(call_id: str) -> str:
    """Gong's own address of a call, which leads on to the customer's host."""
    return f"https://app.gong.io/call?id={call_id}"
