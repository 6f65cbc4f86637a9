"""What requests and responses look like on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
)
from pydantic.json_schema import WithJsonSchema

from domain.models.events import EventCounts, EventState, LoggedEvent, to_payload
from domain.models.files import FileImport, FileReport, Priority, ProcessingStatus, QueueState
from domain.models.records import StoredRecord

_WANTED_MOMENT = "write a date or time as 2026-03-31 or 2026-03-31T09:30:00Z"


def _to_moment(value: object) -> object:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(
                "not a date or time; write 2026-03-31 or 2026-03-31T09:30:00Z"
            ) from error
    else:
        raise ValueError(_WANTED_MOMENT)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Moment = Annotated[
    datetime,
    BeforeValidator(_to_moment),
    WithJsonSchema(
        {
            "type": "string",
            "description": "ISO 8601 date or time; without an offset it is UTC.",
            "examples": ["2026-03-31", "2026-03-31T09:30:00Z"],
        },
        mode="validation",
    ),
]
JsonObject = Mapping[str, Any]
Name = Annotated[StrictStr, Field(min_length=1, max_length=200)]


class RequestModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ResponseModel(BaseModel):
    model_config = ConfigDict(frozen=True)


class Problem(BaseModel):
    """An error as RFC 9457 describes it; further members give ids and quantities."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["no file has this id"])


class LedgerModel(ResponseModel):
    """``read = indexed + unchanged + sum of dropped + failed``."""

    read: int
    indexed: int
    unchanged: int
    dropped: Mapping[str, int] = Field(description="Counts by named rule.")
    failed: int


class ProgressModel(ResponseModel):
    records_done: int
    bytes_done: int
    bytes_total: int
    fraction: float = Field(description="From 0 to 1.")
    records_per_second: float | None
    found_by_words: int = Field(
        description="Records that are stored: queries find them by their words."
    )
    found_by_meaning: int = Field(
        description="Those of them that are embedded: queries find them by their meaning, too."
    )


class AcceptedFile(ResponseModel):
    id: UUID
    status: ProcessingStatus

    @staticmethod
    def of(file: FileImport) -> AcceptedFile:
        return AcceptedFile(id=file.file_id, status=file.status)


class EventModel(ResponseModel):
    id: int = Field(description="Grows in the order in which events were written.")
    name: str = Field(examples=["file_uploaded", "file_processed", "indexing_completed"])
    file_id: UUID
    payload: JsonObject
    state: EventState
    attempts: int
    created_at: datetime
    ended_at: datetime | None = Field(description="When it was handled or given up.")
    error: str | None = Field(description="Of the last attempt that failed.")

    @staticmethod
    def of(logged: LoggedEvent) -> EventModel:
        return EventModel(
            id=logged.event_id,
            name=logged.event.name,
            file_id=logged.event.file_id,
            payload=to_payload(logged.event),
            state=logged.state,
            attempts=logged.attempts,
            created_at=logged.created_at,
            ended_at=logged.ended_at,
            error=logged.error,
        )


class EventList(ResponseModel):
    events: list[EventModel]
    next_after: int = Field(description="Pass as ``after`` for what follows.")


class FileModel(ResponseModel):
    id: UUID
    filename: str
    status: ProcessingStatus
    source_type: str
    parser: str | None
    priority: Priority = Field(description="Interactive files are imported before bulk.")
    file_size: int
    mime_type: str | None
    sha256: str = Field(
        description="Empty until an upload straight to the object store is validated."
    )
    run: int = Field(description="Counted from 1; every replay is a new run.")
    uploaded_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error: str | None
    metadata: JsonObject = Field(description="What was found in the file, and by which rule.")
    options: JsonObject = Field(description="What the uploader said about the file.")
    ledger: LedgerModel
    progress: ProgressModel
    eta_seconds: float | None
    dead_events: list[EventModel] = Field(description="Events that could not be handled.")

    @staticmethod
    def of(report: FileReport) -> FileModel:
        file, progress, options = report.file, report.progress, report.file.options
        return FileModel(
            id=file.file_id,
            filename=file.filename,
            status=file.status,
            source_type=file.source_type,
            parser=file.parser,
            priority=file.priority,
            file_size=file.file_size,
            mime_type=file.mime_type,
            sha256=file.sha256,
            run=file.run,
            uploaded_at=file.uploaded_at,
            started_at=file.started_at,
            completed_at=file.completed_at,
            error=file.error,
            metadata=file.metadata,
            options={
                "source": options.source,
                "text_columns": options.text_columns,
                "title_column": options.title_column,
                "timestamp_column": options.timestamp_column,
                "id_column": options.id_column,
                "job": options.as_job,
                "priority": options.priority,
                "replace": options.replaces,
            },
            ledger=LedgerModel.model_validate(report.ledger.to_json()),
            progress=ProgressModel(
                records_done=progress.records_done,
                bytes_done=progress.bytes_done,
                bytes_total=progress.bytes_total,
                fraction=progress.fraction,
                records_per_second=progress.records_per_second,
                found_by_words=progress.found_by_words,
                found_by_meaning=progress.found_by_meaning,
            ),
            eta_seconds=progress.eta_seconds,
            dead_events=[EventModel.of(event) for event in report.dead_events],
        )


class FileList(ResponseModel):
    files: list[FileModel]
    next_before: datetime | None = Field(description="Pass as ``before`` for the next page.")


class DeadLetterModel(ResponseModel):
    place: str = Field(description="Where the item's raw bytes lie: ``member:start-end``.")
    error: str
    raw: str = Field(description="At most 4 KiB of it; bytes that are no UTF-8 are replaced.")


class DeadLetterList(ResponseModel):
    dead_letters: list[DeadLetterModel]


class PlaceModel(ResponseModel):
    start: int
    end: int
    member: str | None
    ordinal: int


class RecordModel(ResponseModel):
    id: UUID
    source_type: str
    native_id: str = Field(description="What the source calls the record.")
    content_type: str
    content: str
    title: str | None
    author: str | None
    timestamp: datetime | None
    url: str | None
    thread: str | None
    metadata: JsonObject
    file_id: UUID
    place: PlaceModel
    parser: str
    chunk_count: int

    @staticmethod
    def of(stored: StoredRecord) -> RecordModel:
        record, place = stored.record, stored.record.place
        return RecordModel(
            id=stored.record_id,
            source_type=record.source_type,
            native_id=record.native_id,
            content_type=record.content_type,
            content=record.content,
            title=record.title,
            author=record.author,
            timestamp=record.timestamp,
            url=record.url,
            thread=record.thread,
            metadata=record.metadata,
            file_id=stored.file_id,
            place=PlaceModel(
                start=place.start, end=place.end, member=place.member, ordinal=place.ordinal
            ),
            parser=stored.parser,
            chunk_count=stored.chunk_count,
        )


class VerifyResponse(ResponseModel):
    ok: bool
    problems: list[str]


class Liveness(ResponseModel):
    status: Literal["ok"] = "ok"


class ComponentModel(ResponseModel):
    ok: bool
    detail: str


class Readiness(ResponseModel):
    status: Literal["ready"] = "ready"
    components: Mapping[str, ComponentModel]


class BreakerModel(ResponseModel):
    """What this process knows of a dependency; counts are since it began."""

    state: Literal["closed", "half_open", "open"]
    failures: int = Field(description="Calls in a row that gave no answer.")
    trips: int = Field(description="How often it has opened.")
    refusals: int = Field(description="Calls that were not made, since it was open.")
    retries: int = Field(description="Calls that were made again.")
    retry_after_seconds: float = Field(description="How long it stays open.")
    reason: str | None = Field(None, description="The error that opened it, with the fix.")


class QueueModel(ResponseModel):
    limit: int = Field(description="Unfinished files beyond which uploads get 429.")
    waiting: Mapping[Priority, int] = Field(description="Files that wait for a worker.")
    in_flight: int = Field(description="Files that are worked on now.")
    oldest_seconds: float | None = Field(description="How long the oldest has waited.")

    @staticmethod
    def of(state: QueueState, limit: int) -> QueueModel:
        return QueueModel(
            limit=limit,
            waiting=state.waiting,
            in_flight=state.in_flight,
            oldest_seconds=state.oldest_seconds,
        )


class EventsModel(ResponseModel):
    pending: int = Field(description="Events that wait for their handlers.")
    oldest_pending_seconds: float | None
    dead: int = Field(description="Events that could not be handled: `headrace events --dead`.")

    @staticmethod
    def of(counts: EventCounts) -> EventsModel:
        return EventsModel(
            pending=counts.pending,
            oldest_pending_seconds=counts.oldest_pending_seconds,
            dead=counts.dead,
        )


class StatusResponse(ResponseModel):
    version: str
    profile: str
    data_dir: str
    uptime_seconds: float
    generation: int = Field(description="Number of the index's present content.")
    queue_depth: int | None = Field(
        description="Files that are not finished; null, like all counts, while nobody can tell."
    )
    queue: QueueModel | None
    events: EventsModel | None
    records: int | None
    chunks: int | None
    files: Mapping[str, int] | None = Field(description="Counts by status.")
    direct_uploads: bool = Field(
        description="Whether `POST /v1/uploads` takes files straight to the object store."
    )
    model: str | None = Field(description="Of the index in use.")
    model_note: str | None = Field(description="Where the settings name another; with the fix.")
    components: Mapping[str, ComponentModel]
    breakers: Mapping[str, BreakerModel] = Field(description="Circuit breakers by dependency.")
