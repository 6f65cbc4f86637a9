"""A backup's files: what was kept comes back, and what is not whole is refused."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from actors.adapters.filesystem.backup import MANIFEST, BackupReader, BackupWriter
from actors.adapters.filesystem.backup_manifest import BackupFacts
from domain.errors import ConflictError, NotFoundError
from domain.models.ids import ChunkId, FileId
from domain.models.moving import KeptVector, digest_of
from domain.ports.moving import NamedObject, Origin, RowPage, Table

TABLE = Table("file_imports", ("id", "filename"))
EMPTY = Table("names", ("key",))
FACTS = BackupFacts(
    version="1.0",
    made_at=datetime(2026, 3, 1, tzinfo=UTC).isoformat(),
    chunk_tokens=200,
    chunk_overlap_tokens=24,
    records_per_page=1000,
    groups_per_page=250,
    models=("model-a",),
    vectors=2,
    deleted_files=(str(uuid4()),),
)


def a_vector(seed: int, *, metadata: dict[str, object] | None = None) -> KeptVector:
    values = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
    return KeptVector(ChunkId(uuid4()), digest_of(f"text {seed}"), values, metadata)


VECTORS = [a_vector(1), a_vector(2, metadata={"wide": "row"})]


async def a_backup(directory: Path) -> BackupReader:
    """A complete backup of two pages of rows, a page of vectors, an object and a wheel."""
    writer = BackupWriter.create(directory / "backup")
    for number, content in enumerate((b"first", b"second"), start=1):
        await writer.append(RowPage(TABLE, f"cursor {number}", number, io.BytesIO(content)))
    await writer.keep_vectors(1, VECTORS)
    await writer.keep_vectors(2, [])

    async def pieces():  # type: ignore[no-untyped-def]
        yield b"raw bytes"

    stored = await writer.objects.store(pieces())
    wheel = directory / "ab12" / "acme-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"code")
    await writer.keep_wheel(wheel)
    named = NamedObject(stored.key, stored.size_bytes, (FileId(uuid4()),))
    origin = Origin("abc", 4, [TABLE, EMPTY], {"outbox_id_seq": 7}, [named])
    await writer.finish(origin, [named], FACTS)
    return BackupReader.open(directory / "backup")


async def test_a_whole_backup_passes_its_check(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path)
    backup.check()
    assert backup.manifest.facts == FACTS
    assert (backup.manifest.rows, (await backup.origin()).sequences) == (3, {"outbox_id_seq": 7})


async def test_pages_of_rows_come_back_in_order_from_any_cursor(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path)
    pages = [(page.cursor, page.content.read()) async for page in backup.pages(TABLE, after=None)]
    assert [content for _, content in pages] == [b"first", b"second"]
    rest = [page.content.read() async for page in backup.pages(TABLE, after=pages[0][0])]
    assert rest == [b"second"]
    assert [page async for page in backup.pages(EMPTY, after=None)] == []


async def test_vectors_come_back_by_page(tmp_path: Path) -> None:
    backup = await a_backup(tmp_path)
    read = await backup.vectors(1)
    for one in VECTORS:
        same = read[one.chunk_id]
        assert (same.text_digest, same.metadata) == (one.text_digest, one.metadata)
        np.testing.assert_array_equal(same.embedding, one.embedding)
    assert [await backup.vectors(number) for number in (2, 3)] == [{}, {}]


async def test_wheels_are_kept_under_their_names(tmp_path: Path) -> None:
    [kept] = (await a_backup(tmp_path)).wheels()
    assert (kept.name, kept.read_bytes()) == ("acme-1.0-py3-none-any.whl", b"code")


async def test_a_backup_that_was_not_finished_is_refused(tmp_path: Path) -> None:
    writer = BackupWriter.create(tmp_path)
    await writer.keep_vectors(1, VECTORS)
    with pytest.raises(NotFoundError, match="no complete backup"):
        BackupReader.open(tmp_path)


def test_a_directory_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(ConflictError, match="not empty"):
        BackupWriter.create(tmp_path)


@pytest.mark.parametrize(
    "damaged", ["tables/*.copy", "vectors/*.parquet", "wheels/*/*", "objects/sha256/*/*/*"]
)
@pytest.mark.parametrize("is_gone", [False, True], ids=["cut", "gone"])
async def test_a_backup_with_a_damaged_file_is_refused(
    tmp_path: Path, damaged: str, is_gone: bool
) -> None:
    backup = await a_backup(tmp_path)
    path = sorted((tmp_path / "backup").glob(damaged))[0]
    if is_gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ConflictError, match="use another backup"):
        backup.check()


@pytest.mark.parametrize("written", ["", "{}", "[]", '{"format": 1}'])
async def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path, written: str) -> None:
    await a_backup(tmp_path)
    (tmp_path / "backup" / MANIFEST).write_text(written)
    with pytest.raises(ConflictError, match="damaged"):
        BackupReader.open(tmp_path / "backup")


async def test_a_backup_of_a_newer_format_names_the_version(tmp_path: Path) -> None:
    await a_backup(tmp_path)
    path = tmp_path / "backup" / MANIFEST
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ConflictError, match=r"Headrace 1\.0"):
        BackupReader.open(tmp_path / "backup")
