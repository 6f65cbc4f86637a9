"""From the rows of a Salesforce table, or the objects of its JSON, to records."""

from __future__ import annotations

import re
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
    Record,
    RejectedItem,
    Tombstone,
)
from domain.parsers.forms import Site
from domain.parsers.generic import BLANK_ROW, MAX_CONTENT_CHARS, TRUNCATED, too_large
from domain.parsers.salesforce_columns import BLANK, KEY, Column, Scope, Seen, local_key
from domain.parsers.salesforce_fields import canonical, object_label, relation_of
from domain.parsers.salesforce_ids import OBJECT_OF_PREFIX, full_id
from domain.parsers.salesforce_values import version_of
from domain.parsers.timestamps import parse_timestamp
from domain.references import without_marks

T = TypeVar("T")

OBJECT = "object"
"""Metadata key for the kind of record: ``Opportunity``, ``Branch__c``."""

SOFT_DELETED = "soft_deleted"

_PERSON = ("FirstName", "MiddleName", "LastName", "Suffix")
_TITLES = ("Name", "Subject", "DeveloperName")
_LATER_TITLES = (
    *("Title", "Name__c", "Full_Name__c", "Title__c", "Subject__c", "Label__c", "CaseNumber"),
    *("OrderNumber", "ContractNumber", "QuoteNumber", "Username", "Alias", "PathOnClient"),
)
_EVENT_TIMES = {
    "Task": ("CompletedDateTime", "ActivityDate"),
    "Event": ("StartDateTime", "ActivityDateTime", "ActivityDate"),
    "EmailMessage": ("MessageDate",),
}
_LATER_TIMES = ("CloseDate", "ActivityDate", "StartDate", "EffectiveDate")
_LAST_TIMES = ("LastModifiedDate", "SystemModstamp")
_CUSTOM_TIME = re.compile(
    r"(?:start|payment|event|activity|due|close|effective|scheduled|established|check_in)"
    r"_?(?:date|time)?__c\Z|timestamp__c\Z",
    re.IGNORECASE,
)
_ADDRESSES = ("Billing", "Shipping", "Mailing", "Other", "")
_ADDRESS_PARTS = ("Street", "City", "State", "PostalCode", "Country")
_CONVERSATIONS = ("CaseComment", "EmailMessage")
_MAX_NAME_CHARS = 300
_NO_EXTRA: Mapping[str, JsonValue] = {}
_DELETED = (True, 1, "true", "TRUE", "True", "1")


@dataclass(frozen=True, slots=True)
class Address:
    """The columns that are an address together."""

    label: str
    parts: tuple[int, ...]


class RowPlan:
    """What a header says about all the rows below it; rows are lists of as many values.

    ``names`` are the columns' own names where they differ from the canonical spelling.
    """

    def __init__(
        self, sobject: str, columns: Sequence[str], scope: Scope, names: Sequence[str] | None = None
    ) -> None:
        self.sobject = sobject
        self.label = object_label(sobject)
        self.scope = scope
        self.columns = tuple(columns)
        spelt = self.names = tuple(names or map(canonical, columns))
        self.at = {name: index for index, name in reversed(list(enumerate(spelt)))}
        all_columns = [
            Column(index, raw, name, scope)
            for index, (raw, name) in enumerate(zip(columns, spelt, strict=True))
        ]
        self._hush(all_columns)
        self._pair_names(all_columns)
        self.ordered = sorted(all_columns, key=lambda c: (c.traits.rank, c.index))
        self.titles = self._present(*_TITLES)
        self.person = self._present(*_PERSON)
        self.later_titles = self._present(*_LATER_TITLES)
        self.times = self._times(spelt)
        self.versions = self._present("SystemModstamp", "LastModifiedDate")
        self.id_at = self.at.get("Id", -1)
        self.deleted_at = self.at.get("IsDeleted", -1)
        self.currency_at = self.at.get("CurrencyIsoCode", -1)
        self.addresses = [address for prefix in _ADDRESSES if (address := self._address(prefix))]

    def _present(self, *names: str) -> tuple[int, ...]:
        return tuple(self.at[name] for name in names if name in self.at)

    def _times(self, spelt: Sequence[str]) -> tuple[int, ...]:
        own = _EVENT_TIMES.get(self.sobject, ())
        custom = [name for name in spelt if _CUSTOM_TIME.search(name)]
        names = (*own, "CreatedDate", *_LATER_TIMES, *custom, *_LAST_TIMES)
        return tuple(dict.fromkeys(self._present(*names)))

    def _hush(self, columns: Sequence[Column]) -> None:
        """Leave out of the sentence what its title or an address says already."""
        told = {*_PERSON, *_TITLES, "Salutation"}
        for prefix in _ADDRESSES:
            if self._address(prefix):
                told |= {prefix + part for part in _ADDRESS_PARTS}
                told |= {f"{prefix}Address"}
        for column in columns:
            column.is_silent |= column.name in told

    def _address(self, prefix: str) -> Address | None:
        parts = self._present(*(prefix + part for part in _ADDRESS_PARTS))
        label = f"{prefix.lower()} address".strip()
        return Address(label, parts) if len(parts) > 1 else None

    def _pair_names(self, columns: Sequence[Column]) -> None:
        """Let each lookup know the column that names what it leads to: ``Account.Name``."""
        for column in columns:
            relation = relation_of(column.name)
            named = self.at.get(f"{relation}.Name")
            if named is not None and named != column.index:
                column.name_at = named
                columns[named].is_silent = True


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
        draft = _drafted(plan, cells)
        if len(draft.metadata) == 1:
            return DroppedItem(BLANK_ROW, place)
        native_id, key = self._identity(plan, cells, place)
        version = _first(version_of, plan.versions, cells) or ""
        if plan.deleted_at >= 0 and cells[plan.deleted_at] in _DELETED:
            return self._deleted(native_id, version, place)
        name = _name_of(plan, cells)
        content = _content(plan, name, draft)
        if len(content) > MAX_CONTENT_CHARS:
            return RejectedItem(too_large(len(content)), place)
        metadata = draft.metadata
        metadata.update(extra)
        return Record(
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
    ) -> tuple[str, str | None]:
        """A row's native id and the key of its name.

        Ids that only a data set gives are not unique among data sets, so what the row says is
        part of its identity.
        """
        own = cells[plan.id_at] if plan.id_at >= 0 else None
        if isinstance(own, str) and own:
            known = full_id(own.strip())
            if known:
                return f"{OBJECT_OF_PREFIX.get(known[:3], plan.sobject)}:{known}", KEY + known
            if plan.scope.is_local:
                digest = _digest(plan, cells)
                return f"{plan.sobject}:{own}:{digest}", local_key(plan.sobject, own)
            if own.startswith("@"):
                digest = _digest(plan, cells)
                return f"{plan.sobject}:{own}:{digest}", plan.scope.tree_key(own[1:])
        return f"{plan.sobject}:{self._site.context.sha256[:32]}:{place}", None


def _drafted(plan: RowPlan, cells: Sequence[JsonValue]) -> Draft:
    """Facts, passages and metadata of every value that is not blank, in the plan's order."""
    draft = Draft([], [], {OBJECT: plan.sobject}, [])
    facts, metadata = draft.facts, draft.metadata
    currency = cells[plan.currency_at] if plan.currency_at >= 0 else None
    for column in plan.ordered:
        value = cells[column.index]
        if type(value) is not str:
            if value is None:
                continue
            seen = column.see_value(value)
        elif not value:
            continue
        elif column.name_at >= 0 and (name := cells[column.name_at]) and type(name) is str:
            seen = column.see_lookup(value, name)
        else:
            seen = column.memory.get(value) or column.see(value)
        if seen is BLANK:
            continue
        metadata[column.name] = seen.value
        if fact := seen.fact:
            facts.append(f"{fact} {currency}" if currency and column.traits.is_money else fact)
        if seen.link or seen.passage or seen.is_cut:
            _keep_more(draft, column, seen)
    facts += _spoken_addresses(plan, cells)
    return draft


def _keep_more(draft: Draft, column: Column, seen: Seen) -> None:
    if seen.link:
        draft.metadata[column.relation] = seen.link
        if seen.fact and column.name != "OwnerId":
            draft.links.append(seen.link)
    if seen.passage:
        draft.passages.append(seen.passage)
    if seen.is_cut:
        draft.metadata.setdefault(TRUNCATED, []).append(column.name)


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
    """12 hex digits over what the row says, however it was written."""
    said = [
        f"{name}={value}"
        for name, value in zip(plan.columns, cells, strict=True)
        if value not in (None, "")
    ]
    text = "\x1f".join(said).replace("\r\n", "\n")
    return blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()
