"""A file that came straight to the bucket gets its content's name, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from actors.adapters.s3.direct_uploads import S3DirectUploads
from actors.adapters.s3.object_store import S3ObjectStore
from actors.store_settings import S3Settings
from domain.errors import ConflictError, ObjectStoreUnavailableError
from domain.models.files import FileImport, ProcessingStatus, StoredObject
from domain.models.ids import FileId
from domain.models.uploads import upload_key
from domain.ports.metadata_store import MetadataStore
from pipelines.adopting import UploadAdopter
from tests.s3_servers import everything_in, of_its_own, raw_client
from tests.store_builders import an_upload

CONTENT = b"subject,body\nRenewal,Acme asks about the price\n"


@dataclass(frozen=True)
class World:
    settings: S3Settings
    metadata: MetadataStore
    objects: S3ObjectStore
    direct: S3DirectUploads

    @property
    def adopter(self) -> UploadAdopter:
        return UploadAdopter(self.direct, self.metadata, self.objects)

    async def uploaded(self) -> FileImport:
        """A file whose bytes lie under its upload's key."""
        file_id = FileId(uuid4())
        key = upload_key(file_id)
        raw_client(self.settings).put_object(
            Bucket=self.settings.bucket, Key=self.settings.prefix + key, Body=CONTENT
        )
        stored = StoredObject(key, "", len(CONTENT))
        return await self.metadata.files.create(an_upload(file_id=file_id, stored=stored))


@pytest.fixture
async def world(moto_s3: S3Settings, metadata_store: MetadataStore) -> AsyncIterator[World]:
    settings = of_its_own(moto_s3)
    objects, direct = S3ObjectStore(settings), S3DirectUploads(settings)
    yield World(settings, metadata_store, objects, direct)
    await direct.close()
    await objects.close()


async def test_a_file_with_its_name_is_left_alone(world: World) -> None:
    file = await world.metadata.files.create(an_upload())
    assert await world.adopter.adopt(file) is file


async def test_two_that_adopt_the_same_file_agree(world: World) -> None:
    """As after a restart, when the worker of the time before lives on."""
    file = await world.uploaded()
    first = await world.adopter.adopt(file)
    assert await world.adopter.adopt(file) == first
    assert everything_in(world.settings) == [world.settings.prefix + first.object_key]


async def test_a_file_that_is_being_deleted_leaves_no_object_under_its_contents_name(
    world: World,
) -> None:
    file = await world.uploaded()
    await world.metadata.files.transition(file.file_id, ProcessingStatus.DELETING)
    with pytest.raises(ConflictError):
        await world.adopter.adopt(file)
    assert everything_in(world.settings) == [world.settings.prefix + file.object_key]


async def test_an_equal_file_that_is_deleted_at_the_same_moment_does_not_take_the_bytes_along(
    world: World,
) -> None:
    file = await world.uploaded()
    # As if the object had gone between being copied and being looked for.
    without_it = S3ObjectStore(of_its_own(world.settings))
    with pytest.raises(ObjectStoreUnavailableError, match="stored again"):
        await UploadAdopter(world.direct, world.metadata, without_it).adopt(file)
    await without_it.close()
    unchanged = (await world.metadata.files.get(file.file_id)).file
    adopted = await world.adopter.adopt(unchanged)
    assert await world.objects.size(adopted.object_key) == len(CONTENT)
