"""Contract of the metadata store: uploads on their way to the object store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.errors import NotFoundError
from domain.models.files import ImportOptions
from domain.models.ids import FileId
from domain.models.uploads import DirectUpload, NewUpload, UploadedPart
from domain.ports.metadata_store import MetadataStore

PARTS = [UploadedPart(1, '"a"'), UploadedPart(2, '"b"')]


def an_upload(**fields: Any) -> NewUpload:
    upload = NewUpload(
        upload_id=FileId(uuid4()),
        filename="export.zip",
        mime_type=None,
        size_bytes=7,
        part_bytes=5,
        options=ImportOptions(source="slack", text_columns=("a", "b")),
        reference="the store's name",
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )
    return replace(upload, **fields)


async def test_an_upload_comes_back_as_it_was_given(metadata_store: MetadataStore) -> None:
    upload = an_upload()
    await metadata_store.uploads.create(upload)
    assert await metadata_store.uploads.get(upload.upload_id) == DirectUpload(upload, None)


async def test_noted_parts_come_back_in_their_order(metadata_store: MetadataStore) -> None:
    upload = an_upload()
    await metadata_store.uploads.create(upload)
    await metadata_store.uploads.note_parts(upload.upload_id, PARTS)
    assert (await metadata_store.uploads.get(upload.upload_id)).parts == PARTS


async def test_noted_parts_can_be_taken_back(metadata_store: MetadataStore) -> None:
    upload = an_upload()
    await metadata_store.uploads.create(upload)
    await metadata_store.uploads.note_parts(upload.upload_id, PARTS)
    await metadata_store.uploads.note_parts(upload.upload_id, None)
    assert (await metadata_store.uploads.get(upload.upload_id)).parts is None
    assert await metadata_store.uploads.unfinished(noted_seconds=-60, limit=10) == []


async def test_a_forgotten_upload_is_gone_and_forgetting_it_again_is_no_error(
    metadata_store: MetadataStore,
) -> None:
    upload = an_upload()
    await metadata_store.uploads.create(upload)
    await metadata_store.uploads.forget(upload.upload_id)
    await metadata_store.uploads.forget(upload.upload_id)
    with pytest.raises(NotFoundError):
        await metadata_store.uploads.get(upload.upload_id)


async def test_only_what_nobody_called_complete_expires(metadata_store: MetadataStore) -> None:
    over = datetime.now(UTC) - timedelta(seconds=1)
    expired, complete, fresh = an_upload(expires_at=over), an_upload(expires_at=over), an_upload()
    for upload in (expired, complete, fresh):
        await metadata_store.uploads.create(upload)
    await metadata_store.uploads.note_parts(complete.upload_id, PARTS)
    found = await metadata_store.uploads.expired(limit=10)
    assert [entry.upload for entry in found] == [expired]


async def test_what_was_just_called_complete_is_left_to_who_does_it(
    metadata_store: MetadataStore,
) -> None:
    upload = an_upload()
    await metadata_store.uploads.create(upload)
    await metadata_store.uploads.note_parts(upload.upload_id, PARTS)
    assert await metadata_store.uploads.unfinished(noted_seconds=60, limit=10) == []
    found = await metadata_store.uploads.unfinished(noted_seconds=-60, limit=10)
    assert found == [DirectUpload(upload, PARTS)]
