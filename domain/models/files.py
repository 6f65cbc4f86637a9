"""File imports: one file on its way into the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.ledger import Ledger
from domain.models.events import LoggedEvent
from domain.models.ids import FileId, ObjectKey
from domain.models.records import JsonValue


class ProcessingStatus(StrEnum):
    PENDING = "pending"
    VALIDATING = "validating"
    QUEUED = "queued"
    PROCESSING = "processing"
    INDEXING = "indexing"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    DELETING = "deleting"


class Priority(StrEnum):
    """Which files are imported first: those that somebody waits for, or whole folders."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the uploader may say about a file; ``None`` means: find out by rule.

    ``source`` names the system that the data comes from (``slack``, ``salesforce``, ``gong``,
    ``csv``, ``json`` …). The columns override the rules by which a generic record finds its
    text, title, timestamp and id. Naming ``id_column`` makes its values the records' identity
    within (source, filename); otherwise a generic record is known by its place in the file's bytes.
    ``as_job`` lets a file of any size have a job of its own that takes all cores, as large ones do.
    ``replaces`` lets it take the place of earlier files of the same name and source, which are
    deleted once all its records are found.
    """

    source: str | None = None
    text_columns: tuple[str, ...] | None = None
    title_column: str | None = None
    timestamp_column: str | None = None
    id_column: str | None = None
    as_job: bool = False
    priority: Priority | None = None
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file's raw bytes: ``key`` is derived from ``sha256`` (64 hex digits)."""

    key: ObjectKey
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a file that is parsed on its own, cut at record borders.

    ``start``–``end`` are byte offsets into the file; ``members`` are the archive entries to
    read, in order. ``size_bytes`` is what parsing will read (decompressed, 0 if unknown).
    ``context`` is what the parser found while planning and needs again (encoding, header …).
    """

    number: int
    start: int = 0
    end: int = 0
    members: tuple[str, ...] = ()
    size_bytes: int = 0
    context: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileImport:
    """One row of ``file_imports``, without its ledger (which its slices add up to)."""

    file_id: FileId
    filename: str
    source_type: str
    file_size: int
    mime_type: str | None
    object_key: ObjectKey
    sha256: str
    status: ProcessingStatus
    options: ImportOptions
    parser: str | None
    uploaded_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error: str | None
    metadata: Mapping[str, JsonValue]
    run: int
    priority: Priority = Priority.INTERACTIVE


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is. Rates are per second of processing; ``None`` while unknown.

    ``found_by_words`` counts the records that are stored, ``found_by_meaning`` those of them that
    the index has.
    """

    records_done: int
    bytes_done: int
    bytes_total: int
    fraction: float
    records_per_second: float | None
    eta_seconds: float | None
    found_by_words: int = 0
    found_by_meaning: int = 0


@dataclass(frozen=True, slots=True)
class NewFileImport:
    """What is known of a file when its bytes have arrived."""

    file_id: FileId
    filename: str
    source_type: str
    mime_type: str | None
    stored: StoredObject
    options: ImportOptions
    priority: Priority = Priority.INTERACTIVE


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file import as users see it, with the events that could not be handled."""

    file: FileImport
    ledger: Ledger
    progress: Progress
    dead_events: Sequence[LoggedEvent] = ()


@dataclass(frozen=True, slots=True)
class ImportTotals:
    """Sums over every file that is not deleted: files by status, their ledgers, stored chunks."""

    files: Mapping[ProcessingStatus, int]
    ledger: Ledger
    chunks: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """The work that is not finished.

    ``depth`` counts all of it, ``waiting`` the files that wait for a worker, by priority,
    ``in_flight`` those that a worker has. ``oldest_seconds`` is how long ago the oldest of all was
    uploaded, ``None`` where there is none.
    """

    depth: int
    waiting: Mapping[Priority, int]
    in_flight: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An item that failed: its error, where its bytes lie, and at most 4 KiB of them."""

    file_id: FileId
    slice_number: int
    place: str
    error: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease on one file. ``attempt`` fences: writes under an older attempt are refused.

    Of a file that ``is_suspect`` nothing is staged ahead: a worker died on it, and it is to be seen
    at which place.
    """

    file_id: FileId
    owner: str
    attempt: int
    run: int
    is_suspect: bool = False
