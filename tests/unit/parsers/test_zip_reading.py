from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import UnreadableFileError
from domain.parsers.zip_reading import RATIO_FREE_BYTES, SafeZip, looks_like_zip
from domain.ports.parser import ArchiveLimits
from tests.builders import zip_of

CENTRAL = b"PK\x01\x02"
LOCAL = b"PK\x03\x04"
END = b"PK\x05\x06"
FLAGS_AT, METHOD_AT, CRC_AT, PACKED_AT, SIZE_AT, NAME_AT = 8, 10, 16, 20, 24, 46


LIMITS = ArchiveLimits()


def opened(content: bytes, limits: ArchiveLimits = LIMITS) -> SafeZip:
    return SafeZip(io.BytesIO(content), limits)


def read_all(content: bytes) -> list[bytes]:
    archive = opened(content)
    return [archive.read(entry) for entry in archive.entries]


def stream_all(content: bytes) -> list[bytes]:
    archive = opened(content)
    return [archive.open(entry).read() for entry in archive.entries]


def directory_patched(content: bytes, offset: int, value: bytes) -> bytes:
    """The archive with bytes of its first directory entry overwritten."""
    at = content.index(CENTRAL) + offset
    return content[:at] + value + content[at + len(value) :]


def end_patched(content: bytes, offset: int, value: bytes) -> bytes:
    at = content.rindex(END) + offset
    return content[:at] + value + content[at + len(value) :]


def stored(name: str, content: bytes, *, method: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize("read", [read_all, stream_all], ids=["whole", "streamed"])
def test_entries_come_in_stored_order_with_their_bytes(
    read: Callable[[bytes], list[bytes]],
) -> None:
    assert read(zip_of({"b.txt": b"two", "a/c.txt": b"one"})) == [b"two", b"one"]


@settings(max_examples=25, deadline=None)
@given(
    members=st.dictionaries(
        st.text("abcäß漢/", min_size=1, max_size=12).filter(
            lambda name: not name.startswith("/") and not name.endswith("/")
        ),
        st.binary(max_size=300),
        max_size=5,
    )
)
def test_whatever_was_packed_is_read_back(members: dict[str, bytes]) -> None:
    archive = opened(zip_of(members))
    assert {entry.name: archive.read(entry) for entry in archive.entries} == members


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_every_method_of_packing_is_read(method: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("grüße.json", b"content" * 100)
    assert read_all(packed.getvalue()) == [b"content" * 100]


def test_directories_and_macos_leftovers_are_counted_but_no_entries() -> None:
    archive = opened(
        zip_of({"a/": b"", "__MACOSX/a/._x": b"1", "a/.DS_Store": b"2", "a/x.json": b"3"})
    )
    assert ([entry.name for entry in archive.entries], archive.left_out) == (["a/x.json"], 3)


def test_a_utf8_name_without_its_flag_is_decoded() -> None:
    content = stored("xxxxxx.json", b"1").replace(b"xxxxxx", "häß!".encode())
    assert [entry.name for entry in opened(content).entries] == ["häß!.json"]


def test_a_cp437_name_that_is_no_utf8_stays_cp437() -> None:
    content = stored("xxxx.json", b"1").replace(b"xxxx", b"caf\x82")
    assert [entry.name for entry in opened(content).entries] == ["café.json"]


def test_the_unicode_path_field_names_the_entry() -> None:
    info = zipfile.ZipInfo("cafe.json")
    name = "café.json".encode()
    info.extra = struct.pack("<2H4s", 0x1234, 4, b"else")
    info.extra += struct.pack("<2HBL", 0x7075, 5 + len(name), 1, zlib.crc32(b"cafe.json")) + name
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(info, b"1")
    assert [entry.name for entry in opened(packed.getvalue()).entries] == ["café.json"]


def test_entries_of_the_same_name_have_different_keys_and_both_are_read() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    read = opened(packed.getvalue())
    assert {entry.key: read.read(entry) for entry in read.entries} == {"a": b"1", "a#2": b"2"}


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../up", "a/../../up", "C:/windows", "c:x", "a\\b", "..\\up"],
)
def test_a_name_that_points_outside_is_refused(name: str) -> None:
    with pytest.raises(UnreadableFileError, match="points outside of the archive"):
        opened(zip_of({"fine.json": b"1", name: b"2"}))


GOOD = stored("a.txt", b"hello")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", "not a zip", id="empty"),
        pytest.param(b"hello" * 100, "not a zip", id="text"),
        pytest.param(GOOD[:-10], "not a zip, or its end is missing", id="truncated"),
        pytest.param(GOOD + b"x", "followed by other bytes", id="bytes after the end"),
        pytest.param(end_patched(GOOD, 20, b"\x05"), "end is cut", id="comment cut"),
        pytest.param(end_patched(GOOD, 4, b"\x01"), "one part of several", id="multi-disk"),
        pytest.param(end_patched(GOOD, 16, b"\xff\xff"), "place or size", id="offset"),
        pytest.param(end_patched(GOOD, 12, b"\x99"), "directory is damaged", id="length"),
        pytest.param(GOOD.replace(CENTRAL, b"XX\x01\x02"), "directory is damaged", id="signature"),
        pytest.param(
            directory_patched(GOOD, PACKED_AT, b"\xff\xff\xff\x0f"),
            "place or size .* is wrong",
            id="overflow",
        ),
        pytest.param(
            directory_patched(GOOD, SIZE_AT, b"\x04"), "place or size .* is wrong", id="stored size"
        ),
    ],
)
def test_a_broken_directory_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFileError, match=sentence):
        opened(content)


@pytest.mark.parametrize("flags", [b"\x01", b"\x41"], ids=["weakly", "strongly"])
def test_an_encrypted_entry_cannot_be_read_and_says_why(flags: bytes) -> None:
    archive = SafeZip(io.BytesIO(directory_patched(GOOD, FLAGS_AT, flags)), ArchiveLimits())
    with pytest.raises(UnreadableFileError, match="is encrypted"):
        archive.open(archive.entries[0])
    with pytest.raises(UnreadableFileError, match="is encrypted"):
        archive.read(archive.entries[0])


PACKED = stored("a.txt", b"hello hello hello", method=zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize("read", [read_all, stream_all], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(directory_patched(PACKED, SIZE_AT, b"\x20"), "are promised", id="too short"),
        pytest.param(directory_patched(PACKED, SIZE_AT, b"\x05"), "is damaged", id="too long"),
        pytest.param(directory_patched(PACKED, CRC_AT, b"\x00\x00"), "is damaged", id="checksum"),
        pytest.param(directory_patched(PACKED, METHOD_AT, b"\x07"), "unknown method", id="method"),
        pytest.param(PACKED.replace(LOCAL, b"PK\x00\x00"), "is damaged", id="local header"),
        pytest.param(
            directory_patched(PACKED, NAME_AT, b"b"), "is damaged", id="another name inside"
        ),
    ],
)
def test_a_broken_entry_is_refused_when_it_is_read(
    content: bytes, sentence: str, read: Callable[[bytes], list[bytes]]
) -> None:
    with pytest.raises(UnreadableFileError, match=sentence):
        read(content)


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(PACKED) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_any_damage_is_read_over_or_refused_but_never_crashes(
    at: int, byte: int, cut: bool
) -> None:
    damaged = PACKED[:at] if cut else PACKED[:at] + bytes([byte]) + PACKED[at + 1 :]
    for read in (read_all, stream_all):
        with contextlib.suppress(UnreadableFileError):
            read(damaged)


def test_an_archive_that_unpacks_beyond_the_limit_is_refused() -> None:
    with pytest.raises(UnreadableFileError, match="unpacks to 17 bytes, more than the 10 allowed"):
        opened(PACKED, ArchiveLimits(max_uncompressed_bytes=10))


def test_an_archive_packed_too_well_is_refused_as_a_bomb() -> None:
    bomb = directory_patched(PACKED, SIZE_AT, struct.pack("<L", RATIO_FREE_BYTES + 1))
    with pytest.raises(UnreadableFileError, match="may be a bomb"):
        opened(bomb)


def test_a_small_archive_may_be_packed_as_well_as_it_likes() -> None:
    assert read_all(stored("a", bytes(1_000_000), method=zipfile.ZIP_DEFLATED)) == [bytes(10**6)]


def test_too_many_entries_are_refused() -> None:
    with pytest.raises(UnreadableFileError, match="has 3 entries, more than the 2 allowed"):
        opened(zip_of({"a": b"", "b": b"", "c": b""}), ArchiveLimits(max_entries=2))


def test_too_many_entries_are_refused_even_if_the_end_record_denies_them() -> None:
    denied = end_patched(zip_of({"a": b"", "b": b"", "c": b""}), 8, struct.pack("<2H", 1, 1))
    with pytest.raises(UnreadableFileError, match="has 3 entries"):
        opened(denied, ArchiveLimits(max_entries=2))


def test_the_entry_count_of_a_zip64_record_is_heeded() -> None:
    end_at = GOOD.rindex(END)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**9, 10**9, 0, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end_at, 1)
    with pytest.raises(UnreadableFileError, match="has 1,000,000,000 entries"):
        opened(GOOD[:end_at] + record + locator + GOOD[end_at:])


def test_a_failing_disk_is_not_blamed_on_the_archive() -> None:
    class FailingFile(io.BytesIO):
        is_failing = False

        def read(self, size: int | None = -1) -> bytes:
            if self.is_failing:
                raise OSError(5, "input/output error")
            return super().read(size)

    file = FailingFile(PACKED)
    archive = SafeZip(file, LIMITS)
    file.is_failing = True
    with pytest.raises(OSError, match="input/output error"):
        archive.read(archive.entries[0])


def test_data_that_bzip2_cannot_unpack_is_the_archives_fault() -> None:
    content = stored("a.txt", b"hello hello", method=zipfile.ZIP_BZIP2)
    with pytest.raises(UnreadableFileError, match="is damaged"):
        read_all(content.replace(b"BZh9", b"XXXX"))


@pytest.mark.parametrize(
    ("head", "is_zip"), [(GOOD, True), (zip_of({}), True), (b"[1, 2]", False), (b"", False)]
)
def test_a_zip_is_known_by_its_first_bytes(head: bytes, is_zip: bool) -> None:
    assert looks_like_zip(head[:4]) is is_zip
