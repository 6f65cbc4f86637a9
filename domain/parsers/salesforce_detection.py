"""Recognising what Salesforce has written: tables, query results, trees of objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from domain.models.records import JsonValue
from domain.parsers.salesforce_reports import kind_of_report
from domain.parsers.salesforce_tables import Table, TableKind, kind_of_export

_SAMPLED_RECORDS = 50


def kind_of_table(table: Table, *, is_told: bool = False) -> TableKind | None:
    """What a table holds; ``None`` if it is not Salesforce's, unless the uploader says it is."""
    return (
        kind_of_export(table)
        or kind_of_report(table)
        or (kind_of_export(table, is_told=True) if is_told else None)
    )


def holds_salesforce(values: Sequence[JsonValue]) -> bool:
    """Whether JSON values are Salesforce's: records with their type, pages or plans of these."""
    return any(map(_is_salesforce_value, values))


def _is_salesforce_value(value: JsonValue) -> bool:
    if not isinstance(value, dict):
        return False
    if type_of(value) or is_plan(value):
        return True
    records = value.get("records")
    if not isinstance(records, list):
        return False
    is_empty_page = not records and {"totalSize", "done"} <= value.keys()
    return is_empty_page or any(type_of(record) for record in records[:_SAMPLED_RECORDS])


def type_of(value: JsonValue) -> str | None:
    """The object's name in ``attributes``, where Salesforce puts it beside its address."""
    attributes = value.get("attributes") if isinstance(value, dict) else None
    if not isinstance(attributes, dict) or not {"url", "referenceId"} & attributes.keys():
        return None
    name = attributes.get("type")
    return name if isinstance(name, str) and name else None


def is_plan(value: Mapping[str, JsonValue]) -> bool:
    """Whether an object is a step of a plan by which sObject tree files are loaded."""
    return isinstance(value.get("sobject"), str) and isinstance(value.get("files"), list)


def child_lists(value: Mapping[str, JsonValue]) -> Iterator[tuple[str, Mapping[str, JsonValue]]]:
    """A record's child queries: relationship names, and pages of records."""
    for key, item in value.items():
        if isinstance(item, dict) and isinstance(item.get("records"), list):
            yield key, item
