"""``import``: upload files and folders, and follow them until they rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from domain.errors import HeadraceError
from domain.file_states import FINAL_STATUSES
from domain.models.files import ImportOptions, Priority, ProcessingStatus
from serve_app.client import BUSY, HeadraceClient, ServiceRefused, Upload
from serve_app.commands.direct_sending import DirectSender
from serve_app.commands.outage import Outage
from serve_app.commands.output import Output, duration_text, ledger_text
from serve_app.commands.progress import ImportProgress, progress_on
from serve_app.commands.walking import Skipped, find_files

UPLOADS_IN_FLIGHT = 4
FILES_FOLLOWED = 16
POLL_SECONDS = 0.25
REFUSED = "refused"


class ImportFailed(HeadraceError):
    """Some files were not imported; each entry says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of this import, in the shape that ``import --json`` prints."""

    id: str | None
    filename: str
    status: str
    source_type: str | None = None
    ledger: dict[str, Any] | None = None
    error: str | None = None

    @property
    def has_failed(self) -> bool:
        return self.status in (REFUSED, ProcessingStatus.FAILED)

    @property
    def rests(self) -> bool:
        return self.status == REFUSED or self.status in FINAL_STATUSES


def import_paths(
    client: HeadraceClient,
    output: Output,
    paths: Sequence[Path],
    options: ImportOptions,
    *,
    wait: bool,
) -> None:
    """Upload what the paths mean, wait if that is wanted, print the ledger of every file.

    More than one file is bulk, unless the options say otherwise.

    Raises:
        ImportFailed: at least one file was refused or failed, or there was none.
        ServiceUnreachable: nothing answers (any more).
    """
    found, skipped = find_files(paths)
    for one in skipped:
        output.note(f"skipped {one.path}: {one.reason}")
    if options.priority is None and len(found) > 1:
        options = replace(options, priority=Priority.BULK)
    entries = import_files(client, output, found, options, wait=wait)
    show_entries(output, entries, skipped)
    failed = sum(entry.has_failed for entry in entries)
    if failed:
        raise ImportFailed(f"{failed} of {len(entries)} files were not imported")
    if not entries:
        raise ImportFailed("there is no file to import")


def import_files(
    client: HeadraceClient,
    output: Output,
    uploads: Sequence[Upload],
    options: ImportOptions,
    *,
    wait: bool,
) -> list[Entry]:
    """Upload, and with ``wait`` follow to the end; entries in the order of ``uploads``."""
    with progress_on(output, uploads) as progress, DirectSender(client, output.note) as direct:
        entries = upload_all(client, uploads, options, progress, direct)
        return Follower(client, progress).follow(entries) if wait else entries


def upload_all(
    client: HeadraceClient,
    uploads: Sequence[Upload],
    options: ImportOptions,
    progress: ImportProgress,
    direct: DirectSender,
) -> list[Entry]:
    """Stream the files, a few at a time. One that is refused does not stop the others."""
    outage = Outage()
    entries: list[Entry | None] = [None] * len(uploads)

    def send(upload: Upload) -> Entry:
        def deliver() -> dict[str, Any]:
            return direct.send(upload, options, progress.bytes_sent, progress.waiting)

        return _sent(deliver, upload, outage)

    pool = ThreadPoolExecutor(max_workers=UPLOADS_IN_FLIGHT)
    try:
        places: dict[Future[Entry], int] = {
            pool.submit(send, upload): place for place, upload in enumerate(uploads)
        }
        for done in as_completed(places):
            entries[places[done]] = done.result()
            progress.uploaded(uploads[places[done]])
    except BaseException:
        client.abort()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [entry for entry in entries if entry is not None]


def _sent(send: Callable[[], dict[str, Any]], upload: Upload, outage: Outage) -> Entry:
    try:
        accepted = outage.bridge(send)
    except ServiceRefused as refusal:
        return Entry(None, upload.filename, REFUSED, error=refusal.message)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return Entry(None, upload.filename, REFUSED, error=f"cannot read {upload.path}: {reason}")
    return Entry(accepted["id"], upload.filename, accepted["status"])


class Follower:
    """Asks for uploaded files until each rests.

    The service works nearly in the order of the uploads, so looking at the first few is enough.
    """

    def __init__(
        self,
        client: HeadraceClient,
        progress: ImportProgress,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._progress = progress
        self._sleep = sleep
        self._outage = Outage(sleep=sleep)

    def follow(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries as they are when they rest, in the same order."""
        resting = list(entries)
        waiting = [place for place, entry in enumerate(entries) if not entry.rests]
        while waiting:
            first = waiting[:FILES_FOLLOWED]
            for place in first:
                resting[place] = self._look(resting[place])
            left = [place for place in waiting if not resting[place].rests]
            if len(left) == len(waiting):
                self._sleep(POLL_SECONDS)
            waiting = left
        return resting

    def _look(self, entry: Entry) -> Entry:
        file_id = entry.id or ""
        try:
            file = self._outage.bridge(lambda: self._client.file(file_id))
        except ServiceRefused as refusal:
            if refusal.details["status"] in BUSY:
                # A store is away: the import pauses, and only its end can tell how it ends.
                self._progress.unseen(entry.filename, refusal.message)
                return entry
            # Deleted by somebody while we look.
            return replace(entry, status=ProcessingStatus.FAILED, error=refusal.message)
        seen = Entry(
            id=entry.id,
            filename=entry.filename,
            status=file["status"],
            source_type=file["source_type"],
            ledger=file["ledger"],
            error=file["error"],
        )
        self._progress.seen(seen.filename, file, rests=seen.rests)
        return seen


def show_entries(output: Output, entries: Sequence[Entry], skipped: Sequence[Skipped]) -> None:
    """The result of an import: a line per file, or the JSON that scripts read."""
    if output.as_json:
        output.json(
            {
                "files": [asdict(entry) for entry in entries],
                "skipped": [asdict(one) for one in skipped],
            }
        )
        return
    rows = [
        (
            entry.id or "",
            entry.status,
            entry.source_type or "",
            entry.filename,
            ledger_text(entry.ledger),
            entry.error or "",
        )
        for entry in entries
    ]
    output.table(("id", "status", "source", "file", "ledger", "error"), rows)


def summary_of(entries: Sequence[Entry], *, seconds: float) -> str:
    """One line over all files."""
    records = sum(entry.ledger["read"] for entry in entries if entry.ledger)
    return f"{len(entries)} files, {records:,} records in {duration_text(seconds)}"
