"""Archives in archives, tar among them, and what stops a bomb."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, ParsedItem, Record, RejectedItem
from domain.parsers.detection import detect, source_type_of
from domain.ports.parser import ArchiveLimits, Unfolding
from tests.builders import parse_context, slack_export, slack_message, zip_of
from tests.document_builders import docx_of, pdf_of, tar_of, xlsx_of
from tests.unit.parsers.test_columnar import arrow_of, parquet_of

TABLE = b"id,name\n1,Ann\n2,Bo\n"


def zstd(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content).to_pybytes()  # type: ignore[no-any-return]


def read(content: bytes, filename: str = "upload", **limits: Any) -> list[ParsedItem]:
    """Every item that the parser which is detected finds."""
    file = io.BytesIO(content)
    asked = parse_context(content, filename)
    parser = detect(file, filename)
    context = replace(
        asked,
        source_type=source_type_of(parser, asked.options),
        limits=ArchiveLimits(**limits),
    )
    parts = list(parser.plan(file, context, slice_bytes=10_000_000))
    return [item for part in parts for item in parser.read(file, part, context)]


def members(items: list[ParsedItem]) -> list[str | None]:
    return [item.place.member for item in items]


@pytest.mark.parametrize(
    ("pack", "name"),
    [(gzip.compress, "gz"), (bz2.compress, "bz2"), (lzma.compress, "xz"), (zstd, "zst")],
    ids=["gzip", "bzip2", "xz", "zstd"],
)
def test_a_packed_table_and_a_packed_tar_are_read(
    pack: Callable[[bytes], bytes], name: str
) -> None:
    assert [item.source_type for item in read(pack(TABLE), f"a.csv.{name}")] == ["csv", "csv"]
    items = read(pack(tar_of({"a.csv": TABLE, "b/c.md": b"# C"})))
    assert members(items) == ["a.csv", "a.csv", "b/c.md"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_a_packed_file_cut_off_is_refused(pack: Callable[[bytes], bytes]) -> None:
    whole = pack(bytes(range(33, 127)) * 20_000)
    with pytest.raises(UnreadableFileError, match="breaks after"):
        read(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("content", "name", "source"),
    [
        pytest.param(pdf_of("Hi"), "a.pdf", "document", id="pdf"),
        pytest.param(docx_of("Hi"), "a.docx", "document", id="docx"),
        pytest.param(xlsx_of({"A": [["id", "b"], [1, 2]]}), "a.xlsx", "spreadsheet", id="xlsx"),
        pytest.param(parquet_of(), "a.parquet", "parquet", id="parquet"),
        pytest.param(arrow_of(), "a.arrow", "arrow", id="arrow"),
        pytest.param(arrow_of(kind="stream"), "a.arrows", "arrow", id="arrow-stream"),
        pytest.param(b"WEBVTT\n\n00:01.000 --> 00:02.000\na\n", "a.vtt", "captions", id="vtt"),
        pytest.param(b"From: a@x\nTo: b@x\nSubject: c\n\nd", "a.eml", "email", id="eml"),
        pytest.param(
            slack_export({"general/2023-11-14": [slack_message()]}), "s.zip", "slack", id="slack"
        ),
    ],
)
@pytest.mark.parametrize("wrong_name", [False, True], ids=["named", "misnamed"])
def test_a_member_is_read_by_what_it_is(
    content: bytes, name: str, source: str, wrong_name: bool
) -> None:
    called = "x.bin" if wrong_name else name
    for archive in (zip_of({called: content}), tar_of({called: content})):
        items = read(archive)
        assert {type(item) for item in items} == {Record}
        assert {item.source_type for item in items} == {source}
        assert all((item.place.member or "").startswith(called) for item in items)


def test_the_way_to_a_member_of_a_nested_archive_is_its_place() -> None:
    inner = tar_of({"c.csv": TABLE}, mode="w:gz")
    items = read(zip_of({"a.zip": zip_of({"b.tar.gz": inner, "d.csv": TABLE})}))
    assert members(items) == ["a.zip!/b.tar.gz!/c.csv"] * 2 + ["a.zip!/d.csv"] * 2
    assert len({item.native_id for item in items if isinstance(item, Record)}) == 4


def test_the_same_archive_twice_in_another_gives_records_of_their_own() -> None:
    inner = zip_of({"a.csv": TABLE})
    items = read(zip_of({"one.zip": inner, "two.zip": inner}))
    assert len({item.native_id for item in items if isinstance(item, Record)}) == 4


def test_an_archive_nested_too_deep_is_rejected_and_the_rest_is_read() -> None:
    content = zip_of({"a.csv": TABLE})
    for name in ("c", "b", "a"):
        content = zip_of({f"{name}.zip": content, "x.csv": TABLE})
    items = read(content)
    rejected = [item for item in items if isinstance(item, RejectedItem)]
    assert [item.place.member for item in rejected] == ["a.zip!/b.zip!/c.zip"]
    assert "nested more than 3 deep" in rejected[0].error
    assert sum(isinstance(item, Record) for item in items) == 6


def test_one_level_reads_no_archive_inside_another() -> None:
    items = read(zip_of({"a.zip": zip_of({"a.csv": TABLE}), "b.csv.gz": TABLE}), max_depth=1)
    assert [type(item) for item in items] == [RejectedItem, Record, Record]


def test_a_stream_packed_again_and_again_is_rejected() -> None:
    content = TABLE
    for _ in range(8):
        content = gzip.compress(content)
    with pytest.raises(UnreadableFileError, match="nested more than 3 deep"):
        read(content)


def test_a_broken_nested_archive_is_one_rejected_item() -> None:
    broken = zip_of({"a.csv": TABLE})[:-10]
    items = read(zip_of({"a.zip": broken, "b.csv": TABLE}))
    assert [type(item) for item in items] == [RejectedItem, Record, Record]


def test_an_empty_nested_archive_is_dropped_by_name() -> None:
    dropped, record = read(zip_of({"a.zip": zip_of({}), "b.txt": b"words"}))
    assert isinstance(dropped, DroppedItem)
    assert (dropped.rule, dropped.place.member) == ("empty_member", "a.zip")
    assert isinstance(record, Record)


def test_a_tar_cut_off_gives_what_came_before_and_an_error() -> None:
    content = tar_of({"a.csv": TABLE, "b.csv": TABLE * 500})[:4000]
    items = read(zip_of({"a.tar": content}))
    assert [type(item) for item in items[:2]] == [Record, Record]
    assert isinstance(items[-1], RejectedItem)


def test_names_in_a_tar_that_climb_out_are_rejected_alone() -> None:
    items = read(tar_of({"../../etc/x": TABLE, "/etc/y": TABLE, "./a.csv": TABLE}))
    assert [type(item) for item in items] == [RejectedItem, RejectedItem, Record, Record]
    assert members(items)[-1] == "a.csv"


def test_links_folders_and_leftovers_in_a_tar_are_accounted_for() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, kind in (("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE), ("._a", b"0")):
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            archive.addfile(info)
    (item,) = read(packed.getvalue())
    assert isinstance(item, DroppedItem)
    assert (item.rule, item.place.member) == ("link_or_device", "l")


def test_a_tar_member_named_twice_gives_places_of_their_own() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for _ in range(2):
            info = tarfile.TarInfo("a.csv")
            info.size = len(TABLE)
            archive.addfile(info, io.BytesIO(TABLE))
    assert members(read(packed.getvalue())) == ["a.csv", "a.csv", "a.csv#2", "a.csv#2"]


def test_an_old_tar_without_a_mark_is_known_by_its_checksum() -> None:
    content = bytearray(tar_of({"a.csv": TABLE}))
    content[257:265] = bytes(8)
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    assert members(read(bytes(content))) == ["a.csv", "a.csv"]


ZEROS = (b"0" * 999 + b"\n") * 10_000


def test_a_bomb_in_a_packed_tar_stops_at_the_limit() -> None:
    content = tar_of({f"{n}.txt": ZEROS for n in range(4)}, mode="w:gz")
    with pytest.raises(UnreadableFileError, match="unpacks to more than 20,000,000 bytes"):
        read(content, max_uncompressed_bytes=20_000_000)


def test_what_nested_archives_unfold_to_counts_together() -> None:
    inner = zip_of({"a.txt": ZEROS})
    items = read(zip_of({f"{n}.zip": inner for n in range(4)}), max_uncompressed_bytes=25_000_000)
    kinds = [type(item) for item in items if item.place.ordinal == 0]
    assert RejectedItem in kinds
    assert isinstance(items[-1], RejectedItem)
    assert "unpacks to more than" in items[-1].error


def test_entries_of_nested_archives_count_together() -> None:
    inner = zip_of({f"{n}.txt": b"word" for n in range(6)})
    items = read(
        zip_of(
            {"a.zip": inner, "b.tar": tar_of({"x": b"word"} | {f"{n}": b"word" for n in range(6)})}
        ),
        max_entries=10,
    )
    assert "more than 10 entries" in getattr(items[-1], "error", "")


def test_the_ratio_counts_only_beyond_what_is_free() -> None:
    unfolding = Unfolding(ArchiveLimits(max_ratio=2), packed_bytes=60 * 1024**2)
    unfolding.count(size_bytes=119 * 1024**2)
    with pytest.raises(UnreadableFileError, match="may be a bomb"):
        unfolding.count(size_bytes=2 * 1024**2)


def test_a_dangerous_office_file_is_refused_before_it_is_opened() -> None:
    content = xlsx_of({"A": [["id", "b"], [1, 2]]})
    with pytest.raises(UnreadableFileError, match="unpacks to"):
        read(content, max_uncompressed_bytes=100)


WHOLE_FILES = [
    pdf_of("Hi"),
    docx_of((1, "a"), "b"),
    xlsx_of({"A": [["id", "b"], [1, 2]]}),
    tar_of({"a.csv": TABLE, "b.md": b"# B"}, mode="w:gz"),
    zip_of({"a.zip": zip_of({"a.csv": TABLE})}),
    parquet_of(),
    arrow_of(),
    arrow_of(kind="stream"),
    b"From: a@x\nTo: b@x\nSubject: c\nContent-Type: text/html\n\n<p>d",
]


@settings(max_examples=150, deadline=None)
@given(
    content=st.sampled_from(WHOLE_FILES),
    at=st.floats(0, 1, exclude_max=True),
    removed=st.integers(0, 20),
    added=st.binary(max_size=8),
)
def test_a_damaged_file_is_read_or_refused_but_breaks_nothing(
    content: bytes, at: float, removed: int, added: bytes
) -> None:
    start = int(at * len(content))
    damaged = content[:start] + added + content[start + removed :]
    with contextlib.suppress(UnreadableFileError):
        read(damaged)
