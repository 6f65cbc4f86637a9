"""Zips and gzip files of readable members."""

from __future__ import annotations

import gzip
import io

import pytest

from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, Record, RejectedItem
from domain.parsers.archive import ArchiveParser
from domain.parsers.packed import PackedParser
from domain.parsers.packing import GZIP as GZIP_PACKING
from domain.ports.parser import ArchiveLimits, ParseContext
from tests.builders import items_in, parse_context, records_in, zip_of

ZIP, GZIP = ArchiveParser(), PackedParser(GZIP_PACKING)
TABLE = b"id,name\n1,Ann\n2,Bo\n"


def test_every_member_is_read_by_its_own_form() -> None:
    content = zip_of({"a.csv": TABLE, "b.json": b'[{"id": 3}]', "c.md": b"# Hello\n\nworld"})
    records = records_in(ZIP, content, source_type="archive")
    assert [(r.place.member, r.source_type) for r in records] == [
        ("a.csv", "csv"),
        ("a.csv", "csv"),
        ("b.json", "json"),
        ("c.md", "text"),
    ]


def test_a_named_source_is_kept_for_the_members() -> None:
    records = records_in(ZIP, zip_of({"a.csv": TABLE}), source_type="salesforce")
    assert {record.source_type for record in records} == {"salesforce"}


def test_a_member_that_cannot_be_read_is_rejected_and_the_next_one_comes() -> None:
    content = zip_of({"x.pdf": b"%PDF-1.7 ...", "y.zip": b"PK\x03\x04", "a.csv": TABLE})
    items = items_in(ZIP, content)
    assert [type(item) for item in items] == [RejectedItem, RejectedItem, Record, Record]
    assert "PDF" in items[0].error


def test_an_empty_member_is_dropped_by_name() -> None:
    assert [type(item) for item in items_in(ZIP, zip_of({"e.csv": b""}))] == [DroppedItem]


def test_a_gzipped_member_is_unpacked() -> None:
    assert len(records_in(ZIP, zip_of({"a.csv.gz": gzip.compress(TABLE)}))) == 2


def test_any_grouping_of_members_gives_the_same_items() -> None:
    content = zip_of({f"{n}.csv": TABLE for n in range(5)})
    assert items_in(ZIP, content, slice_bytes=25) == items_in(ZIP, content)


def test_a_gzip_file_is_read_like_what_it_holds() -> None:
    records = records_in(GZIP, gzip.compress(TABLE), source_type="gzip", filename="a.csv.gz")
    assert [(r.metadata["name"], r.source_type) for r in records] == [("Ann", "csv"), ("Bo", "csv")]


def test_a_gzip_file_cut_off_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="breaks after"):
        items_in(GZIP, gzip.compress(TABLE * 100)[:-20])


def test_a_gzip_file_that_unpacks_to_too_much_is_refused() -> None:
    packed = gzip.compress(b"id,name\n" + b"1,Ann\n" * 10_000)
    limits = ArchiveLimits(max_uncompressed_bytes=1000)
    asked = parse_context(packed)
    context = ParseContext(asked.filename, "csv", asked.sha256, asked.options, limits)
    with pytest.raises(UnreadableFileError, match="unpacks to more than"):
        GZIP.describe(io.BytesIO(packed), context)
