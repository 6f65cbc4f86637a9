"""Salesforce's tables: weekly exports, Data Loader, reports, Bulk API 2.0."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from domain.models.records import DroppedItem, JsonValue, ParsedItem, Place
from domain.parsers.csv import CsvParser
from domain.parsers.dialects import SniffedDialect
from domain.parsers.encodings import detect_encoding
from domain.parsers.forms import Head, Site
from domain.parsers.salesforce_columns import Scope
from domain.parsers.salesforce_detection import kind_of_table
from domain.parsers.salesforce_plan import RowPlan
from domain.parsers.salesforce_reports import rule_of_row
from domain.parsers.salesforce_rows import RowBuilder
from domain.parsers.salesforce_tables import Table, peek_table

REPEATED_HEADER = "repeated_header"


class SalesforceTable(CsvParser):
    """Reads rows as records of one object; of a report, as records of its finest object."""

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        layout = super().layout(head, site)
        peeked = peek_table(head, detect_encoding(head.content), site.name)
        table = Table(layout["columns"], peeked.rows, site.name)
        kind = kind_of_table(table, is_told=True)
        assert kind is not None
        return layout | {
            "object": kind.sobject,
            "fields": list(kind.names),
            "has_local_ids": kind.is_local,
            "is_report": kind.is_report,
            "repeats_ids": kind.repeats_ids,
        }

    def header_of(self, sniffed: SniffedDialect) -> tuple[int, bool]:
        """Salesforce always writes one, even if a later one makes it look like a value."""
        filled = (index for index, row in enumerate(sniffed.rows) if any(row))
        return next(filled, 0), True

    def row_builder(
        self, layout: Mapping[str, JsonValue], site: Site
    ) -> Callable[[list[str], Place], ParsedItem]:
        return _TableRows(layout, site).item


class _TableRows:
    def __init__(self, layout: Mapping[str, JsonValue], site: Site) -> None:
        self._columns: list[str] = layout["columns"]
        self._width = len(self._columns)
        self._is_report = layout["is_report"]
        scope = Scope(is_local=layout["has_local_ids"], is_detailed=layout["repeats_ids"])
        self._plan = RowPlan(layout["object"], self._columns, scope, layout["fields"])
        self._wider: dict[int, RowPlan] = {}
        self._builder = RowBuilder(site)

    def item(self, cells: list[str], place: Place) -> ParsedItem:
        if self._is_report and (rule := rule_of_row(cells, self._width, self._plan.id_at)):
            return DroppedItem(rule, place)
        if cells and cells[0].lstrip("\ufeff") == self._columns[0] and self._is_header(cells):
            return DroppedItem(REPEATED_HEADER, place)
        missing = self._width - len(cells)
        if missing == 0:
            return self._builder.build(self._plan, cells, place)
        if missing > 0:
            return self._builder.build(self._plan, [*cells, *[""] * missing], place)
        return self._builder.build(self._plan_for(-missing), cells, place)

    def _is_header(self, cells: list[str]) -> bool:
        return cells[1:] == self._columns[1:]

    def _plan_for(self, extra: int) -> RowPlan:
        """The plan of rows with more cells than the header has."""
        if extra not in self._wider:
            more = [f"extra_{number}" for number in range(1, extra + 1)]
            plan = self._plan
            names = [*plan.names, *more]
            self._wider[extra] = RowPlan(plan.sobject, [*self._columns, *more], plan.scope, names)
        return self._wider[extra]
