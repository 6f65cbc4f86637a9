"""The people of a call, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.models.records import PUBLIC, JsonValue
from domain.parsers.gong_fields import distinct, id_field, number_field
from domain.parsers.salesforce_ids import full_id
from domain.parsers.slack_fields import JsonObject, object_field, objects_field, text_field

UNKNOWN = "Unknown"
"""What Gong says of a person of whom it does not know on which side they are."""


@dataclass(frozen=True, slots=True)
class CrmObject:
    """``id`` has 18 characters where it is Salesforce's. ``fields`` are scalars by name."""

    type: str
    id: str
    system: str
    fields: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return next((value for field, value in self.fields if field.lower() == "name"), "")


class Party(NamedTuple):
    """Who took part or was invited. What Gong does not know is empty."""

    id: str
    name: str
    email: str
    title: str
    phone: str
    affiliation: str
    user_id: str
    speaker_id: str
    talk_seconds: int | float | None
    crm_objects: tuple[CrmObject, ...]

    @property
    def shown(self) -> str:
        """The name by which people know them."""
        return self.name or self.email or self.phone

    @property
    def is_internal(self) -> bool:
        return self.affiliation == "Internal" or bool(self.user_id)

    @property
    def label(self) -> str:
        """The name before what they say; who is not of the company is marked."""
        return f"{self.shown} (External)" if self.affiliation == "External" else self.shown

    def known_as(self, call_id: str) -> str:
        """What tells them from everybody else: an address, an id, or who they are in the call."""
        known = f"gong-user:{self.user_id}" if self.user_id else ""
        return self.email or known or party_key(call_id, self.speaker_id)

    def to_json(self) -> dict[str, JsonValue]:
        facts = {
            "name": self.shown,
            "email": self.email,
            "affiliation": self.affiliation,
            "title": self.title,
            "speaker_id": self.speaker_id,
            "user_id": self.user_id,
            "talk_seconds": self.talk_seconds,
            "crm_object_ids": [item.id for item in self.crm_objects],
        }
        return {key: value for key, value in facts.items() if value not in ("", None, [])}


def party_key(call_id: str, speaker_id: str) -> str:
    """Who speaks under the id in the call, whoever that is."""
    return f"gong-party:{call_id}:{speaker_id}"


def parties_of(call: JsonObject) -> tuple[Party, ...]:
    """Everybody in a call; it may have no list of them (an imported call)."""
    speakers = objects_field(object_field(call, "interaction"), "speakers")
    seconds = {
        id_field(speaker, key): number_field(speaker, "talkTime")
        for key in ("userId", "id")
        for speaker in speakers
    }
    return tuple(_party(item, seconds) for item in objects_field(call, "parties"))


def visibility_of(details: JsonObject, parties: Sequence[Party]) -> tuple[str, ...]:
    """Who may see a call: everybody, or of a private one the company's people in it."""
    if details.get("isPrivate") is not True:
        return (PUBLIC,)
    host = id_field(details, "primaryUserId")
    seen_by = [readers_of(id_field(details, "id"))]
    seen_by += [f"gong:user:{host}"] if host else []
    for party in parties:
        if party.is_internal:
            seen_by += [f"gong:user:{party.user_id}"] if party.user_id else []
            seen_by += [f"email:{party.email}"] if party.email else []
    return tuple(distinct("".join(one.split()) for one in seen_by))


def readers_of(call_id: str) -> str:
    """Whoever may see the call, whoever that is: known before the call is."""
    return f"gong:call:{call_id}"


def crm_objects_of(source: JsonObject) -> tuple[CrmObject, ...]:
    """The CRM objects that Gong has linked to a call or a party."""
    return tuple(
        _crm_object(item, text_field(context, "system"))
        for context in objects_field(source, "context")
        for item in objects_field(context, "objects")
        if id_field(item, "objectId")
    )


def _party(item: JsonObject, seconds: dict[str, int | float | None]) -> Party:
    id, user_id = id_field(item, "id"), id_field(item, "userId")
    talked = seconds.get(user_id) if user_id else None
    return Party(
        id=id,
        name=text_field(item, "name").strip(),
        email=text_field(item, "emailAddress").strip().lower(),
        title=text_field(item, "title").strip(),
        phone=text_field(item, "phoneNumber").strip(),
        affiliation=text_field(item, "affiliation") or UNKNOWN,
        user_id=user_id,
        speaker_id=id_field(item, "speakerId"),
        talk_seconds=talked if talked is not None else seconds.get(id),
        crm_objects=crm_objects_of(item),
    )


def _crm_object(item: JsonObject, system: str) -> CrmObject:
    id = id_field(item, "objectId")
    is_salesforce = system.lower() in ("salesforce", "")
    return CrmObject(
        type=text_field(item, "objectType") or "Object",
        id=(full_id(id) or id) if is_salesforce else id,
        system=system,
        fields=tuple(_crm_fields(item)),
    )


def _crm_fields(item: JsonObject) -> Iterator[tuple[str, str]]:
    for field in objects_field(item, "fields"):
        name, value = text_field(field, "name"), field.get("value")
        if isinstance(value, bool):
            value = "true" if value else "false"
        if name and isinstance(value, str | int | float) and str(value).strip():
            yield name, str(value).strip()
