from __future__ import annotations

from pathlib import Path

from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from pipelines.file_service import FileService
from pipelines.index_follower import IndexFollower
from tests.integration.pipelines.conftest import ImportSide, csv_of


async def test_who_is_told_that_a_file_is_completed_finds_its_records(
    import_side: ImportSide, tmp_path: Path
) -> None:
    dimension = import_side.embedder.dimension
    writer = await TantivySearchIndex.open(tmp_path / "index", dimension=dimension)
    reader = await TantivySearchIndex.open(tmp_path / "index", dimension=dimension)
    import_side.index = writer
    files = FileService(import_side.metadata, IndexFollower(import_side.metadata.events, reader))

    report = await import_side.import_file("notes.csv", csv_of(20))
    await files.get(report.file.file_id)

    assert await reader.count() == 20
    await writer.close()
    await reader.close()
