"""Salesforce exports, as tables or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from domain.models.records import JsonValue, ParsedItem
from domain.parsers.encodings import TextEncoding, detect_encoding
from domain.parsers.forms import ByteStream, Cut, Form, Head, Site, read_head
from domain.parsers.json import utf8_head
from domain.parsers.json_shapes import FoundShape, find_shape
from domain.parsers.salesforce_csv import SalesforceTable
from domain.parsers.salesforce_detection import holds_salesforce, kind_of_table
from domain.parsers.salesforce_json import SalesforceObjects
from domain.parsers.salesforce_tables import peek_table

_TABLE, _OBJECTS = SalesforceTable(), SalesforceObjects()
_FORMS: Mapping[str, SalesforceTable | SalesforceObjects] = {"csv": _TABLE, "json": _OBJECTS}
_WRITTEN_AS = "written_as"


class SalesforceParser(Form):
    """Reads what an administrator can download, whichever way it is written."""

    name = "salesforce"
    version = "1"

    def accepts(self, file: BinaryIO) -> bool:
        head = read_head(file)
        encoding = detect_encoding(head.content)
        found = _found_objects(head, encoding)
        return (
            is_salesforce_json(found)
            if found
            else is_salesforce_table(head, encoding, "", is_sure=False)
        )

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        is_json = _found_objects(head, detect_encoding(head.content)) is not None
        written_as = "json" if is_json else "csv"
        layout = _FORMS[written_as].layout(head, site)
        return layout | {"format": self.name, _WRITTEN_AS: written_as}

    def cuts(
        self, file: BinaryIO, layout: Mapping[str, JsonValue], *, slice_bytes: int
    ) -> Iterator[Cut]:
        return _FORMS[layout[_WRITTEN_AS]].cuts(file, layout, slice_bytes=slice_bytes)

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        return _FORMS[layout[_WRITTEN_AS]].items(stream, layout, site, start=start)


def is_salesforce_json(found: FoundShape) -> bool:
    return holds_salesforce(found.sample)


def is_salesforce_table(
    head: Head, encoding: TextEncoding, name: str, *, is_sure: bool = True
) -> bool:
    """Whether a stream is Salesforce's table, judged by its first rows and its name.

    One that may be no table at all must show several columns.
    """
    table = peek_table(head, encoding, name)
    is_table = is_sure or (len(table.columns) > 1 and bool(table.rows))
    return is_table and kind_of_table(table) is not None


def _found_objects(head: Head, encoding: TextEncoding) -> FoundShape | None:
    """The shape of a head that holds JSON objects."""
    if head.content[encoding.bom_bytes :].lstrip(b"\0 \t\r\n")[:1] not in (b"{", b"["):
        return None
    return find_shape(utf8_head(head, encoding), is_whole=head.is_whole)
