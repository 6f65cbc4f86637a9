"""Ids, and how they are derived: the same input always gets the same id."""

from __future__ import annotations

import re
from typing import NewType
from uuid import UUID, SafeUUID, uuid5

FileId = NewType("FileId", UUID)
RecordId = NewType("RecordId", UUID)
ChunkId = NewType("ChunkId", UUID)
GroupId = NewType("GroupId", UUID)
EntityId = NewType("EntityId", UUID)
DescriptionId = NewType("DescriptionId", UUID)
ObjectKey = NewType("ObjectKey", str)

_NAMESPACE = UUID("5ad5f0d8-5d0c-5c60-9c0e-1d0f4be0a5a1")
_UNKNOWN = SafeUUID.unknown  # An enum's member takes as long to look up as all else in uuid_in.
_CONTENT_KEY = re.compile(r"sha256/([0-9a-f]{2})/([0-9a-f]{2})/\1\2[0-9a-f]{60}")


def uuid_in(packed: bytes) -> UUID:
    """``UUID(bytes=packed)`` of 16 bytes in half of its time, most of which goes into checks.

    A query makes some hundred of them. What is set is all that a UUID has.
    """
    made = object.__new__(UUID)
    object.__setattr__(made, "int", int.from_bytes(packed))
    object.__setattr__(made, "is_safe", _UNKNOWN)
    return made


def content_key(sha256: str) -> ObjectKey:
    """The key of the object whose content has this hash (64 hex digits)."""
    return ObjectKey(f"sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}")


def is_content_key(key: str) -> bool:
    """Whether an object under this key is named by its content."""
    return _CONTENT_KEY.fullmatch(key) is not None


def derive_record_id(source_type: str, native_id: str) -> RecordId:
    """The id of the record that ``source_type`` calls ``native_id``."""
    return RecordId(uuid5(_NAMESPACE, f"record\x1f{source_type}\x1f{native_id}"))


def derive_group_id(source_type: str, group: str) -> GroupId:
    """The id of the group that records of ``source_type`` name by ``group``."""
    return GroupId(uuid5(_NAMESPACE, f"group\x1f{source_type}\x1f{group}"))


def derive_entity_id(kind: str, key: str) -> EntityId:
    """The id that an entity of the kind has while this is the smallest of its keys.

    Every key has one, so that an id that was once shown leads to the entity that has its key now.
    """
    return EntityId(uuid5(_NAMESPACE, f"entity\x1f{kind}\x1f{key}"))


def derive_description_id(said: str) -> DescriptionId:
    """The id of a description, by all that it says in one fixed form."""
    return DescriptionId(uuid5(_NAMESPACE, f"description\x1f{said}"))


def derive_chunk_id(owner: RecordId | GroupId, position: int, model: str) -> ChunkId:
    """The id of a record's or group's chunk at ``position`` (from 0) as embedded by ``model``."""
    return ChunkId(uuid5(owner, f"chunk\x1f{position}\x1f{model}"))


def chunk_ids(owner: RecordId | GroupId, count: int, model: str | None) -> list[ChunkId]:
    """The ids of the first ``count`` chunks; none without a model."""
    return [] if model is None else [derive_chunk_id(owner, n, model) for n in range(count)]
