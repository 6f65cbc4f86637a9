"""The rows of ``direct_uploads``."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from actors.adapters.postgres import upload_sql as sql
from actors.adapters.postgres.database import Database, Row
from actors.adapters.postgres.file_rows import options_json, options_of
from actors.adapters.postgres.text import json_text, storable
from domain.errors import NotFoundError
from domain.models.ids import FileId
from domain.models.uploads import DirectUpload, NewUpload, UploadedPart


class PostgresUploadLog:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, upload: NewUpload) -> None:
        await self._database.fetch(
            sql.INSERT_UPLOAD,
            upload.upload_id,
            storable(upload.filename),
            storable(upload.mime_type),
            upload.size_bytes,
            upload.part_bytes,
            options_json(upload.options),
            upload.reference,
            upload.expires_at,
        )

    async def get(self, upload_id: FileId) -> DirectUpload:
        row = await self._database.fetchrow(sql.GET_UPLOAD, upload_id)
        if row is None:
            raise NotFoundError("no such upload", upload_id=str(upload_id))
        return _direct_upload(row)

    async def note_parts(self, upload_id: FileId, parts: Sequence[UploadedPart] | None) -> None:
        noted = None if parts is None else json_text([[part.number, part.etag] for part in parts])
        await self._database.fetch(sql.NOTE_PARTS, upload_id, noted)

    async def forget(self, upload_id: FileId) -> None:
        await self._database.fetch(sql.DELETE_UPLOAD, upload_id)

    async def expired(self, *, limit: int) -> Sequence[DirectUpload]:
        rows = await self._database.fetch(sql.LIST_EXPIRED, limit)
        return [_direct_upload(row) for row in rows]

    async def unfinished(self, *, noted_seconds: float, limit: int) -> Sequence[DirectUpload]:
        rows = await self._database.fetch(sql.LIST_UNFINISHED, noted_seconds, limit)
        return [_direct_upload(row) for row in rows]


def _direct_upload(row: Row) -> DirectUpload:
    upload = NewUpload(
        upload_id=row["id"],
        filename=row["filename"],
        mime_type=row["mime_type"],
        size_bytes=row["size_bytes"],
        part_bytes=row["part_bytes"],
        options=options_of(row["options"]),
        reference=row["reference"],
        expires_at=row["expires_at"],
    )
    return DirectUpload(upload, _parts(row["parts"]))


def _parts(text: str | None) -> list[UploadedPart] | None:
    return None if text is None else [UploadedPart(*part) for part in orjson.loads(text)]
