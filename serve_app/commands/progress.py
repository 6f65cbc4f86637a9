"""Progress of an import: bars on a terminal, plain lines in a pipe; always beside the result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from serve_app.client import Upload
from serve_app.commands.output import Output, found_text, ledger_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

LINE_SECONDS = 10.0


class ImportProgress(Protocol):
    """Hears of an import's steps. The first three may be called from any thread."""

    def bytes_sent(self, count: int) -> None: ...

    def waiting(self, reason: str) -> None:
        """The service has no room at present; uploading goes on by itself."""
        ...

    def uploaded(self, upload: Upload) -> None: ...

    def seen(self, filename: str, file: Mapping[str, Any], *, rests: bool) -> None:
        """A file was looked at; ``file`` is what the service says of it."""
        ...

    def unseen(self, filename: str, reason: str) -> None:
        """The service cannot tell at present how the file is; it will be asked again."""
        ...


@contextmanager
def progress_on(output: Output, uploads: Sequence[Upload]) -> Iterator[ImportProgress]:
    """Bars where standard error is a terminal, else lines."""
    if not output.side.is_terminal:
        yield ProgressLines(output, len(uploads))
        return
    with _bars(output.side, uploads) as bars:
        yield bars


class ProgressLines:
    """A line for every file that rests, and one now and then for those that take long."""

    def __init__(self, output: Output, count: int) -> None:
        self._output = output
        self._count = count
        self._sent = 0
        self._resting = 0
        self._last_line = time.monotonic()

    def bytes_sent(self, count: int) -> None:
        pass

    def waiting(self, reason: str) -> None:
        if time.monotonic() - self._last_line > LINE_SECONDS:
            self._note(f"uploaded {self._sent}/{self._count} files, waiting: {reason}")

    def uploaded(self, upload: Upload) -> None:
        self._sent += 1
        if self._sent == self._count:
            self._output.note(f"uploaded {self._count} files")

    def seen(self, filename: str, file: Mapping[str, Any], *, rests: bool) -> None:
        if rests:
            self._resting += 1
            error = f": {file['error']}" if file["error"] else ""
            ledger = ledger_text(file["ledger"])
            place = f"{self._resting}/{self._count}"
            self._note(f"{place} {filename} {file['status']}, {ledger}{error}")
        elif time.monotonic() - self._last_line > LINE_SECONDS:
            progress = file["progress"]
            done = f"{progress['fraction']:.0%}, found {found_text(progress)}"
            self._note(f"{filename} {file['status']}, {done}")

    def unseen(self, filename: str, reason: str) -> None:
        if time.monotonic() - self._last_line > LINE_SECONDS:
            self._note(f"{filename} waits: {reason}")

    def _note(self, text: str) -> None:
        self._last_line = time.monotonic()
        self._output.note(text)


@contextmanager
def _bars(console: Console, uploads: Sequence[Upload]) -> Iterator[ProgressBars]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=console,
    )
    with progress:
        yield ProgressBars(progress, uploads)


class ProgressBars:
    """One bar for what was sent, one for what was imported, by bytes."""

    def __init__(self, progress: Progress, uploads: Sequence[Upload]) -> None:
        self._progress = progress
        self._count = len(uploads)
        self._total = sum(max(1, upload.size_bytes) for upload in uploads)
        self._sent_files = 0
        self._done_bytes: dict[str, float] = {}
        self._done_records: dict[str, int] = {}
        self._words: dict[str, int] = {}
        self._resting = 0
        self._began = time.monotonic()
        self._upload_bar = progress.add_task("upload", total=self._total, note="")
        self._import_bar: TaskID | None = None

    def bytes_sent(self, count: int) -> None:
        self._progress.advance(self._upload_bar, count)

    def waiting(self, reason: str) -> None:
        note = f"{self._sent_files}/{self._count} files  waiting"
        self._progress.update(self._upload_bar, note=note)

    def uploaded(self, upload: Upload) -> None:
        self._sent_files += 1
        note = f"{self._sent_files}/{self._count} files"
        self._progress.update(self._upload_bar, note=note)
        if self._sent_files == self._count:
            self._progress.update(self._upload_bar, completed=self._total)

    def seen(self, filename: str, file: Mapping[str, Any], *, rests: bool) -> None:
        if self._import_bar is None:
            self._began = time.monotonic()
            self._import_bar = self._progress.add_task("import", total=self._total, note="")
        fraction = 1.0 if rests else file["progress"]["fraction"]
        self._done_bytes[file["id"]] = max(1, file["file_size"]) * fraction
        self._done_records[file["id"]] = (
            file["ledger"]["read"] if rests else file["progress"]["records_done"]
        )
        self._words[file["id"]] = file["progress"]["found_by_words"]
        self._resting += rests
        records = sum(self._done_records.values())
        rate = records / max(time.monotonic() - self._began, 0.001)
        self._progress.update(
            self._import_bar,
            completed=sum(self._done_bytes.values()),
            note=f"{self._resting}/{self._count} files  {records:,} records  {rate:,.0f}/s  "
            f"{sum(self._words.values()):,} by words",
        )

    def unseen(self, filename: str, reason: str) -> None:
        if self._import_bar is not None:
            self._progress.update(self._import_bar, note=f"waiting: {reason}")
