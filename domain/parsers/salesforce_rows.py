"""From the rows of a Salesforce table, or the objects of its JSON, to records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TypeVar

from domain.models.records import (
    ContentType,
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    RejectedItem,
    Tombstone,
    make_record,
)
from domain.parsers.forms import Site
from domain.parsers.generic import BLANK_ROW, MAX_CONTENT_CHARS, TRUNCATED, too_large
from domain.parsers.salesforce_columns import BLANK, KEY, Column, More, Seen
from domain.parsers.salesforce_ids import OBJECT_OF_PREFIX, full_id
from domain.parsers.salesforce_plan import RowPlan
from domain.parsers.salesforce_values import version_of
from domain.parsers.timestamps import parse_timestamp
from domain.references import without_marks

T = TypeVar("T")

OBJECT = "object"
"""Metadata key for the kind of record: ``Opportunity``, ``Branch__c``."""

SOFT_DELETED = "soft_deleted"

_CONVERSATIONS = ("CaseComment", "EmailMessage")
_MAX_NAME_CHARS = 300
_NO_EXTRA: Mapping[str, JsonValue] = {}
_DELETED = (True, 1, "true", "TRUE", "True", "1")


class Typed:
    """A value that is no text; unlike ``1`` and ``True`` no two are the same."""

    __slots__ = ("value",)

    def __init__(self, value: JsonValue) -> None:
        self.value = value


def _told_apart(value: JsonValue) -> str | Typed:
    if value is None:
        return ""
    return value if type(value) is str else Typed(value)


@dataclass(slots=True)
class Draft:
    """A record's parts as they come together."""

    facts: list[str]
    passages: list[str]
    metadata: dict[str, JsonValue]
    links: list[str]


class RowBuilder:
    """Builds the records of one stream."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def build(
        self,
        plan: RowPlan,
        cells: Sequence[JsonValue],
        place: Place,
        *,
        extra: Mapping[str, JsonValue] = _NO_EXTRA,
    ) -> ParsedItem:
        """The item of a row with a cell for every column; ``extra`` goes to the metadata only."""
        draft = _drafted(plan, cells if plan.is_text else list(map(_told_apart, cells)))
        metadata = draft.metadata
        native_id, key, own_id = self._identity(plan, cells, place)
        if own_id:
            metadata["Id"] = own_id
        elif len(metadata) == 1:
            return DroppedItem(BLANK_ROW, place)
        version = _first(version_of, plan.versions, cells) or ""
        if plan.deleted_at >= 0 and cells[plan.deleted_at] in _DELETED:
            return self._deleted(native_id, version, place)
        name = _name_of(plan, cells)
        content = _content(plan, name, draft)
        if len(content) > MAX_CONTENT_CHARS:
            return RejectedItem(too_large(len(content)), place)
        metadata.update(extra)
        return make_record(
            source_type=self._site.context.source_type,
            native_id=native_id,
            content_type=ContentType.RECORD,
            content=content,
            place=place,
            title=name or _title_by_links(plan, draft),
            author=_author(metadata),
            timestamp=_first(_moment, plan.times, cells),
            thread=_thread(plan, metadata),
            metadata=metadata,
            version=version,
            names={key: name} if key and name else {},
        )

    def _deleted(self, native_id: str, version: str, place: Place) -> DroppedItem:
        gone = Tombstone(self._site.context.source_type, native_id, version)
        return DroppedItem(SOFT_DELETED, place, gone)

    def _identity(
        self, plan: RowPlan, cells: Sequence[JsonValue], place: Place
    ) -> tuple[str, str | None, str]:
        """A row's native id, the key of its name, and its own id as the metadata show it.

        Ids that only a data set gives are not unique among data sets, so what the row says is
        part of its identity. A row without an id is known by the file's content and its place.
        """
        value = cells[plan.id_at] if plan.id_at >= 0 else None
        own = value.strip() if isinstance(value, str) else ""
        if known := full_id(own):
            sobject = OBJECT_OF_PREFIX.get(known[:3], plan.sobject)
            detail = f":{_digest(plan, cells)}" if plan.scope.is_detailed else ""
            return f"{sobject}:{known}{detail}", KEY + known, known
        key = plan.scope.own_key(plan.sobject, own)
        if key:
            return f"{plan.sobject}:{own}:{_digest(plan, cells)}", key, own
        return f"{plan.sobject}:{self._site.context.sha256[:32]}:{place}", None, own


def _drafted(plan: RowPlan, cells: Sequence[JsonValue]) -> Draft:
    """Facts, passages and metadata of every value that is not blank, in the plan's order."""
    draft = Draft([], [], {OBJECT: plan.sobject}, [])
    facts, metadata = draft.facts, draft.metadata
    currency = cells[plan.currency_at] if plan.currency_at >= 0 else None
    # This loop runs for every cell: it asks little, and what a value came to before first.
    for (name, remembered, column), value in zip(plan.steps, plan.in_order(cells), strict=True):
        if not value:
            continue
        seen = remembered(value)
        if seen is None:
            seen = _looked_at(column, value, cells)
        if seen is BLANK:
            continue
        fact, metadata[name], more = seen
        if more is not None:
            fact = _keep_more(draft, column, fact, more)
        if fact:
            facts.append(f"{fact} {currency}" if currency and column.traits.is_money else fact)
    if plan.addresses:
        facts += _spoken_addresses(plan, cells)
    return draft


def _looked_at(column: Column, text: str | Typed, cells: Sequence[JsonValue]) -> Seen:
    if isinstance(text, Typed):
        return column.see_value(text.value)
    name = cells[column.name_at] if column.name_at >= 0 else None
    if name and isinstance(name, str):
        return column.see_lookup(text, name)
    return column.see(text)


def _keep_more(draft: Draft, column: Column, fact: str, more: More) -> str:
    if more.link:
        draft.metadata[column.relation] = more.link
        if fact and column.name != "OwnerId":
            draft.links.append(more.link)
    if more.passage:
        draft.passages.append(more.passage)
    if more.is_cut:
        draft.metadata.setdefault(TRUNCATED, []).append(column.name)
    return fact


def _spoken_addresses(plan: RowPlan, cells: Sequence[JsonValue]) -> list[str]:
    spoken = []
    for address in plan.addresses:
        parts = [str(part) for at in address.parts if (part := cells[at])]
        if parts:
            text = " ".join(", ".join(parts).split())
            spoken.append(f"{address.label} {text if text.isascii() else without_marks(text)}")
    return spoken


def _content(plan: RowPlan, name: str | None, draft: Draft) -> str:
    """``Opportunity Renewal of account Acme: stage Negotiation, amount 45,000.`` and passages."""
    facts = draft.facts
    head = f"{plan.label} {name}" if name else plan.label
    if facts and facts[0].startswith(("of account ", "with ", "about ")):
        head = f"{head} {facts[0]}"
        facts = facts[1:]
    sentence = f"{head}: {', '.join(facts)}." if facts else f"{head}."
    return "\n\n".join((sentence, *draft.passages)) if draft.passages else sentence


def _name_of(plan: RowPlan, cells: Sequence[JsonValue]) -> str | None:
    """What people call the record, if it has a name of its own."""
    for at in plan.titles:
        if name := _text(cells[at]):
            return name
    if plan.person:
        name = " ".join(text for at in plan.person if (text := _text(cells[at])))
        if name:
            return name
    return next((name for at in plan.later_titles if (name := _text(cells[at]))), None)


def _text(value: JsonValue) -> str | None:
    """A value as one line that holds no reference."""
    if not value or type(value) is not str:
        return None
    text = value if value.isascii() else without_marks(value)
    return " ".join(text.split())[:_MAX_NAME_CHARS] or None


def _title_by_links(plan: RowPlan, draft: Draft) -> str:
    """A record without a name is called by what it connects."""
    links = " – ".join(dict.fromkeys(draft.links[:2]))
    return f"{plan.label}: {links}" if links else plan.label


def _author(metadata: Mapping[str, JsonValue]) -> str | None:
    """Whose record it is: who wrote an e-mail, else its owner, else who made it."""
    for name in ("FromName", "FromAddress", "Owner", "Owner.Name", "CreatedBy"):
        if (author := metadata.get(name)) and isinstance(author, str):
            return author
    return None


def _thread(plan: RowPlan, metadata: Mapping[str, JsonValue]) -> str | None:
    if plan.sobject not in _CONVERSATIONS:
        return None
    parent = metadata.get("ParentId")
    is_case = isinstance(parent, str) and OBJECT_OF_PREFIX.get(parent[:3]) == "Case"
    return f"Case:{parent}" if is_case else None


def _first(
    read: Callable[[str], T | None], at: Sequence[int], cells: Sequence[JsonValue]
) -> T | None:
    """What the first of the columns gives from which anything can be read."""
    for index in at:
        value = cells[index]
        if value and type(value) is str and (found := read(value)):
            return found
    return None


@lru_cache(maxsize=4_096)
def _moment(text: str) -> datetime | None:
    return parse_timestamp(text)


def _digest(plan: RowPlan, cells: Sequence[JsonValue]) -> str:
    """12 hex digits over what the row says, in whichever encoding it was written.

    What is not ASCII counts as ``?``, since that is what an export in an encoding that lacks
    the character has in its place.
    """
    said = [
        f"{name}={value}"
        for name, value in zip(plan.columns, cells, strict=True)
        if value not in (None, "")
    ]
    text = "\x1f".join(said).replace("\r\n", "\n")
    return blake2b(text.encode("ascii", "replace"), digest_size=6).hexdigest()
