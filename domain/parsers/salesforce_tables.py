"""Salesforce's tables: which object their rows are, judged by ids, columns and names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from domain.parsers.csv import sample_lines
from domain.parsers.dialects import Dialect
from domain.parsers.encodings import TextEncoding
from domain.parsers.forms import Head
from domain.parsers.salesforce_fields import STANDARD_FIELDS, canonical, is_custom
from domain.parsers.salesforce_ids import OBJECT_OF_PREFIX, full_id, sure_id
from domain.parsers.word_lists import words

DELIMITERS = ",\t|;^`"
_SAMPLE_ROWS = 50
_CERTAIN_SHARE = 0.9
_LOCAL_ID = re.compile(r"\d{1,9}\Z", re.ASCII)
_CUSTOM_OBJECT = re.compile(r"(?:\A|[^A-Za-z0-9_])([A-Za-z]\w*?__(?:c|kav|x|mdt|e|b))(?![A-Za-z])")
_NUMBERED = re.compile(r"[ _.-]*(?:\(?(?:part|copy|export|extract|data)?[ _-]*\d*\)?)\Z", re.I)
_LOADER_RELATION = re.compile(r"[A-Za-z]\w*:[A-Z]\w*-\w+\Z")
_CUSTOM_COLUMN = re.compile(r"[A-Za-z]\w*__(?:c|pc|r\.\w.*)\Z", re.IGNORECASE)
_SYSTEM_FIELDS = frozenset(
    words("""
    IsDeleted SystemModstamp CreatedById LastModifiedById CreatedDate LastModifiedDate OwnerId
    """)
)
_SYSTEM_FIELDS_NEEDED = 4
_OBJECTS = {name.lower(): name for name in OBJECT_OF_PREFIX.values()} | {
    "accounts": "Account",
    "contacts": "Contact",
    "opportunities": "Opportunity",
    "leads": "Lead",
    "cases": "Case",
    "users": "User",
    "campaigns": "Campaign",
    "tasks": "Task",
    "events": "Event",
}
_CRM_OBJECTS = frozenset(
    words("""
    Account AccountContactRelation AccountContactRole Campaign CampaignMember Case CaseComment
    Contact Lead Opportunity OpportunityContactRole OpportunityLineItem PricebookEntry Product2
    """)
)
"""Objects that are told by their table's name, should all its columns be theirs."""

_SIGNS = {
    "Opportunity": ("StageName", "CloseDate"),
    "Case": ("CaseNumber", "SuppliedEmail", "Origin"),
    "CampaignMember": ("CampaignId",),
    "Lead": ("ConvertedDate", "Company"),
    "Task": ("WhoId", "WhatId", "Subject"),
    "Contact": ("MailingStreet", "LastName"),
    "Attachment": ("Body",),
    "Account": ("BillingStreet", "AccountNumber", "AnnualRevenue", "NumberOfEmployees"),
}
_RECORD_TYPE_COLUMNS = {"record_type_id", "developer_name"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table's first rows under its header, and the file's or member's name."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    name: str

    def values(self, at: int) -> list[str]:
        cells = (row[at].strip() for row in self.rows if at < len(row))
        return [cell for cell in cells if cell]

    def share_of_ids(self, at: int) -> float:
        """Of the column's cells that are not blank; 0 if all are."""
        values = self.values(at)
        return sum(map(_is_sure_id, values)) / len(values) if values else 0.0


@dataclass(frozen=True, slots=True)
class TableKind:
    """What a table holds.

    ``is_local``: ids are small numbers of the data set's own. ``repeats_ids``: a report's rows
    are details (products, contact roles) of the records whose ids they have.
    """

    sobject: str
    names: tuple[str, ...]
    is_local: bool = False
    is_report: bool = False
    repeats_ids: bool = False


def peek_table(head: Head, encoding: TextEncoding, name: str) -> Table:
    """The table as its first line's commonest delimiter parts it, which suffices to judge it."""
    lines = [line for line in sample_lines(head, encoding) if line.strip()]
    first = lines[0] if lines else ""
    delimiter = max(DELIMITERS, key=first.count)
    rows = list(islice(Dialect(delimiter).rows(lines), 1 + _SAMPLE_ROWS)) or [[]]
    return Table([cell.strip() for cell in rows[0]], rows[1:], name)


def kind_of_export(table: Table, *, is_told: bool = False) -> TableKind | None:
    """What a table with API names holds; ``None`` unless it is surely Salesforce's or told so."""
    if {column.lower() for column in table.columns} == _RECORD_TYPE_COLUMNS:
        return TableKind("RecordType", ("Id", "DeveloperName"))
    names = tuple(map(canonical, table.columns))
    id_at = names.index("Id") if "Id" in names else -1
    if not (is_told or _is_certain(table, names, id_at) or _is_numbered(table, names, id_at)):
        return None
    return TableKind(_object_of(table, names, id_at), names, _has_local_ids(table, id_at))


def _is_certain(table: Table, names: Sequence[str], id_at: int) -> bool:
    """Whether the table has ids, system fields or custom fields as only Salesforce has them."""
    if id_at >= 0 and table.share_of_ids(id_at) >= _CERTAIN_SHARE:
        return True
    if any(map(_CUSTOM_COLUMN.match, table.columns)):
        return True
    if len(_SYSTEM_FIELDS.intersection(names)) >= _SYSTEM_FIELDS_NEEDED:
        return True
    return len(names) > 1 and any(map(_LOADER_RELATION.match, table.columns))


def _is_numbered(table: Table, names: Sequence[str], id_at: int) -> bool:
    """Whether the table's name is an object's and its columns are that object's, ids apart."""
    if not _has_local_ids(table, id_at):
        return False
    sobject = object_of_name(table.name)
    if is_custom(sobject or ""):
        return True
    return sobject in _CRM_OBJECTS and all(name.lower() in STANDARD_FIELDS for name in names)


def _has_local_ids(table: Table, id_at: int) -> bool:
    ids = table.values(id_at) if id_at >= 0 else []
    return bool(ids) and all(map(_LOCAL_ID.match, ids))


def _object_of(table: Table, names: Sequence[str], id_at: int) -> str:
    """By the ids' beginning, else the table's name, else fields that only one object has."""
    ids = [known for text in table.values(id_at) if (known := full_id(text))] if id_at >= 0 else []
    prefixes = {known[:3] for known in ids}
    if len(prefixes) == 1 and (standard := OBJECT_OF_PREFIX.get(ids[0][:3])):
        return standard
    if named := object_of_name(table.name):
        return named
    signs = (name for name, fields in _SIGNS.items() if any(field in names for field in fields))
    return next(signs, None) or stem_of(table.name)


def object_of_name(name: str) -> str | None:
    """The object that a file called ``Account.csv``, ``accounts (2).csv``, ``X__c.csv`` holds."""
    stem = stem_of(name)
    if found := _CUSTOM_OBJECT.search(stem):
        return found[1]
    return _OBJECTS.get(_NUMBERED.sub("", stem).lower())


def stem_of(name: str) -> str:
    return PurePosixPath(name).name.split(".")[0] or "Record"


def _is_sure_id(text: str) -> bool:
    return sure_id(text) is not None
