"""A Gong call, its people and the CRM objects that Gong has linked to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from domain.mentions.fields import company_domain, described, objects_of, text_of
from domain.mentions.keys import (
    email_key,
    gong_call_key,
    gong_party_key,
    gong_user_key,
    opaque_id_key,
    salesforce_key,
)
from domain.models.entities import Description, EntityKind, Mention, Role
from domain.models.records import ContentType, JsonValue, Record
from domain.parsers.gong_calls import default_title


def gong_mentions(record: Record) -> Iterator[Mention]:
    call_id = text_of(record.metadata, "call_id")
    if not call_id:
        return
    # A transcript is called by its call's id until the call is known.
    name = "" if record.title in (None, default_title(call_id)) else record.title
    call = described(EntityKind.CALL, [gong_call_key(call_id)], name or "")
    if call:
        yield Mention(call, Role.SUBJECT)
    if record.content_type is ContentType.TRANSCRIPT:
        yield from _speakers(record)
    yield from _parties(record.metadata, call_id)
    yield from _crm_objects(record.metadata)


def _speakers(record: Record) -> Iterator[Mention]:
    """Who speaks. What they are called, the call's own record says."""
    keys = record.metadata.get("speaker_keys")
    for text in keys if isinstance(keys, list) else ():
        key = email_key(text) if "@" in text else text
        if key:
            yield Mention(Description(EntityKind.PERSON, frozenset({key})), Role.PARTICIPANT)


def _parties(metadata: Mapping[str, JsonValue], call_id: str) -> Iterator[Mention]:
    host = text_of(metadata, "primary_user_id")
    for party in objects_of(metadata, "parties"):
        person = _person(party, call_id)
        if person:
            is_host = bool(host) and text_of(party, "user_id") == host
            yield Mention(person, Role.AUTHOR if is_host else Role.PARTICIPANT)


def _person(party: Mapping[str, JsonValue], call_id: str) -> Description | None:
    user_id, email = text_of(party, "user_id"), text_of(party, "email")
    keys = [email_key(email), *_crm_people(party)]
    if user_id:
        keys += [gong_user_key(user_id), opaque_id_key(user_id)]
    if not any(keys) and (speaker_id := text_of(party, "speaker_id")):
        keys.append(gong_party_key(call_id, speaker_id))
    name = text_of(party, "name")
    is_name = name.lower() != email and any(char.isalpha() for char in name)
    facts = {"title": text_of(party, "title"), "domain": company_domain(email) if email else ""}
    return described(EntityKind.PERSON, keys, name if is_name else "", facts)


def _crm_people(party: Mapping[str, JsonValue]) -> list[str | None]:
    """A party's contact, lead or user; an account beside it is none of its keys."""
    ids = party.get("crm_object_ids")
    found = [salesforce_key(str(id)) for id in ids] if isinstance(ids, list) else []
    people = [key for kind, key in filter(None, found) if kind is EntityKind.PERSON]
    # Two contacts of one party are two ids that Gong could not tell apart.
    return list(people) if len(people) == 1 else []


def _crm_objects(metadata: Mapping[str, JsonValue]) -> Iterator[Mention]:
    for item in objects_of(metadata, "crm_objects"):
        found = salesforce_key(text_of(item, "id"))
        if found:
            kind, key = found
            described_object = described(kind, [key], text_of(item, "name"))
            if described_object:
                yield Mention(described_object, Role.REFERENCE)
    ids = metadata.get("crm_object_ids")
    for id in ids if isinstance(ids, list) else ():
        if found := salesforce_key(str(id)):
            yield Mention(Description(found[0], frozenset({found[1]})), Role.REFERENCE)
