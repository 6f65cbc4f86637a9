"""From rows of ``file_imports`` and ``import_slices`` to what users see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from uuid import UUID

import orjson

from actors.adapters.postgres import file_sql as sql
from actors.adapters.postgres.database import Connection, Row
from actors.adapters.postgres.journal import DEAD_OF_FILES, logged_event
from actors.adapters.postgres.text import json_text
from domain.file_states import FINAL_STATUSES
from domain.ledger import Ledger
from domain.models.events import LoggedEvent
from domain.models.files import (
    DeadLetter,
    FileImport,
    FileReport,
    ImportOptions,
    ImportTotals,
    Priority,
    ProcessingStatus,
    Progress,
)
from domain.models.ids import ObjectKey

PRIORITIES = (Priority.INTERACTIVE, Priority.BULK)
"""By their numbers in the database, the most urgent first."""


def number_of(priority: Priority) -> int:
    return PRIORITIES.index(priority)


def options_json(options: ImportOptions) -> str:
    return json_text(asdict(options))


def file_import(row: Row) -> FileImport:
    return FileImport(
        file_id=row["id"],
        filename=row["filename"],
        source_type=row["source_type"],
        file_size=row["file_size"],
        mime_type=row["mime_type"],
        object_key=ObjectKey(row["s3_key"]),
        sha256=row["sha256"],
        status=ProcessingStatus(row["processing_status"]),
        options=options_of(row["options"]),
        parser=row["parser"],
        uploaded_at=row["upload_timestamp"],
        started_at=row["processing_started_at"],
        completed_at=row["processing_completed_at"],
        error=row["error_message"],
        metadata=row["metadata"],
        run=row["run"],
        priority=PRIORITIES[row["priority"]],
    )


def options_of(text: str) -> ImportOptions:
    """What ``options_json`` wrote."""
    fields = orjson.loads(text)
    columns = fields.pop("text_columns")
    priority = fields.pop("priority", None)
    return ImportOptions(
        text_columns=None if columns is None else tuple(columns),
        priority=None if priority is None else Priority(priority),
        **fields,
    )


def dead_letter(row: Row) -> DeadLetter:
    return DeadLetter(
        file_id=row["file_id"],
        slice_number=row["slice_number"],
        place=row["place"],
        error=row["error"],
        raw=row["raw"],
    )


async def reports_of(connection: Connection, rows: Sequence[Row]) -> list[FileReport]:
    """The files with their ledgers and progress."""
    file_ids = [row["id"] for row in rows]
    sums = {row["file_id"]: row for row in await connection.fetch(sql.SUM_SLICES, file_ids)}
    dropped: dict[UUID, dict[str, int]] = defaultdict(dict)
    for row in await connection.fetch(sql.SUM_DROPPED, file_ids):
        dropped[row["file_id"]][row["rule"]] = row["items"]
    dead: dict[UUID, list[LoggedEvent]] = defaultdict(list)
    for row in await connection.fetch(DEAD_OF_FILES, file_ids):
        dead[row["file_id"]].append(logged_event(row))
    now = await connection.fetchval(sql.NOW)
    reports = [
        _report(file_import(row), sums.get(row["id"]), dropped[row["id"]], now) for row in rows
    ]
    return [replace(one, dead_events=tuple(dead[one.file.file_id])) for one in reports]


async def totals_of(connection: Connection) -> ImportTotals:
    statuses = await connection.fetch(sql.COUNT_STATUSES)
    dropped = await connection.fetch(sql.SUM_ALL_DROPPED)
    ledger = await connection.fetchrow(sql.SUM_LEDGERS)
    assert ledger is not None
    return ImportTotals(
        files={ProcessingStatus(row["processing_status"]): row["files"] for row in statuses},
        ledger=_ledger(ledger, {row["rule"]: row["items"] for row in dropped}),
        chunks=await connection.fetchval(sql.COUNT_CHUNKS),
    )


def _report(
    file: FileImport, sums: Row | None, dropped: Mapping[str, int], now: datetime
) -> FileReport:
    if sums is None:
        done = 1.0 if file.status is ProcessingStatus.COMPLETED else 0.0
        return FileReport(file, Ledger(), Progress(0, 0, file.file_size, done, None, None))
    return FileReport(file, _ledger(sums, dropped), _progress(file, sums, now))


def _ledger(sums: Row, dropped: Mapping[str, int]) -> Ledger:
    return Ledger(
        read=sums["read"],
        indexed=sums["indexed"],
        unchanged=sums["unchanged"],
        dropped=dropped,
        failed=sums["failed"],
    )


def _progress(file: FileImport, sums: Row, now: datetime) -> Progress:
    fraction = _fraction(sums)
    rate = eta_seconds = None
    if file.started_at is not None:
        elapsed = ((file.completed_at or now) - file.started_at).total_seconds()
        rate = sums["records_done"] / elapsed if elapsed > 0 else None
        if file.status not in FINAL_STATUSES and fraction > 0:
            eta_seconds = elapsed * (1 - fraction) / fraction
    return Progress(
        records_done=sums["records_done"],
        bytes_done=sums["bytes_done"],
        bytes_total=sums["bytes_total"],
        fraction=fraction,
        records_per_second=rate,
        eta_seconds=eta_seconds,
        found_by_words=sums["found_by_words"],
        found_by_meaning=sums["found_by_meaning"],
    )


def _fraction(sums: Row) -> float:
    """By bytes; where the parser cannot tell them, by slices."""
    if sums["slices_completed"] == sums["slices"]:
        return 1.0
    if sums["bytes_total"]:
        return float(min(sums["bytes_done"] / sums["bytes_total"], 1.0))
    return float(sums["slices_completed"] / sums["slices"])
