"""The three events of a file's life, and how they stand in the log."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from domain.models.ids import FileId


@dataclass(frozen=True, slots=True)
class FileUploaded:
    """Handlers: ``validate_file``, ``queue_for_processing``."""

    name: ClassVar[str] = "file_uploaded"
    file_id: FileId
    filename: str
    source_type: str


@dataclass(frozen=True, slots=True)
class FileProcessed:
    """Handlers: ``update_metadata``, ``trigger_indexing``. ``processing_time`` in seconds."""

    name: ClassVar[str] = "file_processed"
    file_id: FileId
    record_count: int
    processing_time: float


@dataclass(frozen=True, slots=True)
class IndexingCompleted:
    """Handlers: ``notify_completion``, ``invalidate_cache``."""

    name: ClassVar[str] = "indexing_completed"
    file_id: FileId
    vector_count: int


Event = FileUploaded | FileProcessed | IndexingCompleted


class EventState(StrEnum):
    PENDING = "pending"
    HANDLED = "handled"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as it stands in the log.

    ``event_id`` grows in the order in which events were committed. ``ended_at`` is when it was
    handled or given up. ``error`` is that of the last attempt that failed.
    """

    event_id: int
    event: Event
    state: EventState
    attempts: int
    created_at: datetime
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Events that wait for their handlers, how long the oldest has, and those given up."""

    pending: int
    oldest_pending_seconds: float | None
    dead: int


_KINDS: dict[str, type[FileUploaded] | type[FileProcessed] | type[IndexingCompleted]] = {
    kind.name: kind for kind in (FileUploaded, FileProcessed, IndexingCompleted)
}


def to_payload(event: Event) -> dict[str, Any]:
    """The event's fields as JSON values."""
    return {**asdict(event), "file_id": str(event.file_id)}


def from_payload(name: str, payload: dict[str, Any]) -> Event:
    """The event that ``to_payload`` wrote under ``name``.

    Raises:
        KeyError: no event has this name.
    """
    return _KINDS[name](**{**payload, "file_id": FileId(UUID(payload["file_id"]))})
