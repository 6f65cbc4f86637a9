"""Which form of text a stream is, judged by how it begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from domain.errors import UnreadableFileError
from domain.parsers.captions import CaptionParser, looks_like_captions
from domain.parsers.csv import CsvParser, sample_lines
from domain.parsers.dialects import find_header, sniff_dialect
from domain.parsers.documents.kinds import kind_by_start
from domain.parsers.documents.parser import DocumentParser
from domain.parsers.documents.spreadsheet import SpreadsheetParser
from domain.parsers.email import EmailParser, looks_like_email
from domain.parsers.encodings import TextEncoding, detect_encoding
from domain.parsers.file_types import refuse_binary, refuse_unreadable
from domain.parsers.forms import Form, Head
from domain.parsers.gong import GongParser
from domain.parsers.gong_shapes import looks_like_gong
from domain.parsers.gong_spoken_text import looks_spoken
from domain.parsers.json import JsonParser, utf8_head
from domain.parsers.json_shapes import FoundShape, find_shape
from domain.parsers.salesforce import (
    SalesforceParser,
    is_salesforce_json,
    is_salesforce_table,
)
from domain.parsers.text import TextParser, looks_like_html
from domain.ports.extraction import DocumentKind

CSV, JSON, TEXT = CsvParser(), JsonParser(), TextParser()
SALESFORCE, GONG = SalesforceParser(), GongParser()
EMAIL, CAPTIONS = EmailParser(), CaptionParser()
DOCUMENT, SPREADSHEET = DocumentParser(), SpreadsheetParser()
_FORMS = (CSV, JSON, TEXT, SALESFORCE, GONG, EMAIL, CAPTIONS, DOCUMENT, SPREADSHEET)
FORMS: Mapping[str, Form] = {form.name: form for form in _FORMS}
_INSISTED_ON: Mapping[str, Form] = {form.name: form for form in (CSV, JSON, TEXT)}
"""Forms that read any text when they are asked to; the other names are labels."""
_SHEETS = frozenset((DocumentKind.SHEETS, DocumentKind.OLD_OFFICE))

_JSON_ENDINGS = frozenset((".json", ".jsonl", ".ndjson", ".geojson"))
_TABLE_ENDINGS = frozenset((".csv", ".tsv", ".tab", ".psv", ".ssv"))
_PROSE_ENDINGS = frozenset((".md", ".markdown", ".rst"))
_SURE_ROWS, _SURE_CONSISTENCY = 3, 0.9


def form_of(head: Head, name: str, *, forced: str | None = None) -> Form:
    """The form that reads a stream; its name only decides where the content could be several.

    Raises:
        UnreadableFileError: no form reads it; the message names what it is, and the fix.
    """
    if kind := kind_by_start(head.content):
        return document_form(kind)
    refuse_unreadable(head.content)
    encoding = detect_encoding(head.content)
    refuse_binary(head.content, is_wide=encoding.is_wide)
    if forced is not None and forced in _INSISTED_ON:
        return _INSISTED_ON[forced]
    if looks_like_captions(head.content):
        return CAPTIONS
    if looks_like_email(head.content):
        return EMAIL
    endings = frozenset(suffix.lower() for suffix in PurePosixPath(name).suffixes[-2:])
    if looks_like_html(head.content):
        return TEXT
    is_named_json = bool(endings & _JSON_ENDINGS)
    content = utf8_head(head, encoding)
    found = find_shape(content, is_whole=head.is_whole)
    if found and (is_named_json or _is_surely_json(found)):
        return _json_form(found, content, forced)
    if looks_spoken(content):
        return GONG
    is_named_prose = bool(endings & _PROSE_ENDINGS)
    is_table = endings & _TABLE_ENDINGS or _is_surely_table(head, encoding, is_named_prose)
    if (is_table and forced == SALESFORCE.name) or (
        not is_named_prose and is_salesforce_table(head, encoding, name, is_sure=bool(is_table))
    ):
        return SALESFORCE
    if is_table:
        return CSV
    if is_named_json:
        raise UnreadableFileError("the file is named JSON but holds none; export it again")
    return TEXT


def document_form(kind: DocumentKind) -> Form:
    """The form that reads documents of a kind."""
    return SPREADSHEET if kind in _SHEETS else DOCUMENT


def _json_form(found: FoundShape, content: bytes, forced: str | None) -> Form:
    if forced == GONG.name or (forced != SALESFORCE.name and looks_like_gong(found, content)):
        return GONG
    if forced == SALESFORCE.name or is_salesforce_json(found):
        return SALESFORCE
    return JSON


def _is_surely_json(found: FoundShape) -> bool:
    """Whether not only the beginning but the values look like JSON; lone scalars do not."""
    return found.is_complete or any(isinstance(value, dict | list) for value in found.sample)


def _is_surely_table(head: Head, encoding: TextEncoding, is_named_prose: bool) -> bool:
    """Whether a stream that is not named a table is one: a few commas make no table of prose.

    One that is named prose must be a table from its first row on.
    """
    sniffed = sniff_dialect(sample_lines(head, encoding))
    if not sniffed.is_table or sniffed.is_weak:
        return False
    rows = sum(any(row) for row in sniffed.rows)
    is_regular = rows >= _SURE_ROWS and sniffed.consistency >= _SURE_CONSISTENCY
    if is_named_prose:
        return is_regular and find_header(sniffed)[0] == 0
    return is_regular or sniffed.dialect.delimiter != ","
