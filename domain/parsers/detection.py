"""Choosing the parser of a file by its content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import BinaryIO

from domain.errors import InvalidUploadError
from domain.models.files import ImportOptions
from domain.parsers.archive import ArchiveParser
from domain.parsers.columnar import (
    ArrowParser,
    ParquetParser,
    looks_like_arrow,
    looks_like_parquet,
)
from domain.parsers.documents.kinds import kind_of_zip
from domain.parsers.form_detection import FORMS, document_form, form_of
from domain.parsers.forms import read_head
from domain.parsers.packed import PackedParser, TarParser
from domain.parsers.packing import PACKINGS, packing_of
from domain.parsers.slack import SlackParser
from domain.parsers.tar_reading import looks_like_tar
from domain.parsers.zip_reading import SafeZip, looks_like_zip
from domain.ports.parser import ArchiveLimits, Parser

_SLACK, _ARCHIVE, _TAR = SlackParser(), ArchiveParser(), TarParser()
_PARQUET, _ARROW = ParquetParser(), ArrowParser()
_PACKED: Mapping[str, Parser] = {packing.name: PackedParser(packing) for packing in PACKINGS}
_ANY_SIZE = ArchiveLimits(max_uncompressed_bytes=2**63, max_ratio=float("inf"))

PARSERS: Mapping[str, Parser] = {
    **FORMS,
    **_PACKED,
    **{parser.name: parser for parser in (_SLACK, _ARCHIVE, _TAR, _PARQUET, _ARROW)},
}
"""Every parser by its name."""

_SOURCE_NAME = re.compile(r"[a-z0-9_-]{1,50}\Z")


def detect(file: BinaryIO, filename: str, *, source: str | None = None) -> Parser:
    """The parser that reads a seekable file, judged by its first MiB (a zip: by its directory).

    The name only decides where the content could be several things. ``source`` ``slack``,
    ``csv``, ``json`` or ``text`` insists on that parser (inside of an archive for its members),
    ``salesforce`` on it for tables and JSON, ``gong`` on it for JSON; other sources are labels.

    Raises:
        UnreadableFileError: no parser reads it; the message says what it is, and the fix.
    """
    head = read_head(file)
    if source == _SLACK.name:
        return _SLACK
    if looks_like_zip(head.content):
        return _parser_of_zip(file)
    if packing := packing_of(head.content):
        return _PACKED[packing.name]
    if looks_like_tar(head.content):
        return _TAR
    if looks_like_parquet(head.content):
        return _PARQUET
    if looks_like_arrow(head.content):
        return _ARROW
    if source not in FORMS and _SLACK.accepts(file):
        return _SLACK
    return form_of(head, filename, forced=source)


def _parser_of_zip(file: BinaryIO) -> Parser:
    """An Office file, a Slack export or an archive of anything."""
    kind = kind_of_zip(SafeZip(file, _ANY_SIZE))
    if kind is not None:
        return document_form(kind)
    return _SLACK if _SLACK.accepts(file) else _ARCHIVE


def source_type_of(parser: Parser, options: ImportOptions) -> str:
    """The source that a file's records carry: the one named by the uploader, else the parser.

    Records out of archives and gzip files then carry the name of their own form instead.

    Raises:
        InvalidUploadError: the named source is no plain lower-case word.
    """
    if options.source is None:
        return parser.name
    check_source_name(options.source)
    return options.source


def check_source_name(source: str) -> None:
    """Raises ``InvalidUploadError`` unless ``source`` can name a source."""
    if not _SOURCE_NAME.match(source):
        raise InvalidUploadError(
            "a source is named by 1 to 50 of a-z, 0-9, '_' and '-'", source=source
        )
