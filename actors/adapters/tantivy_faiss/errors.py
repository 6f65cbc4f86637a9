"""Errors of an index's library and of the file system, in our words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.errors import IndexUnavailableError

MAX_REASON_CHARS = 300
ROOM_TO_WRITE_BYTES = 64 * 1024 * 1024


@contextmanager
def translated(directory: Path, action: str) -> Iterator[None]:
    """Raise what library and file system report as ``IndexUnavailableError``, with the fix."""
    try:
        yield
    except (RuntimeError, OSError, ValueError) as error:
        sentence = _sentence(directory, action, str(error))
        raise IndexUnavailableError(sentence, directory=str(directory)) from error


def _sentence(directory: Path, action: str, reason: str) -> str:
    if "No space left" in reason or "os error 28" in reason or _is_full(directory, reason):
        return f"the disk of the search index {directory} is full: free some space and try again"
    if "Permission denied" in reason or "Read-only file system" in reason:
        return f"the search index {directory} must be readable and writable by this user"
    if "LockBusy" in reason:
        return (
            f"another process writes to the search index {directory}: only the service's index "
            "writer may; stop that process, or the service by 'headrace down'"
        )
    brief = " ".join(reason.split())[:MAX_REASON_CHARS]
    return (
        f"could not {action} the search index {directory}: {brief}. If this stays so, stop the "
        "service, move that directory away, and import the files again to rebuild it"
    )


def _is_full(directory: Path, reason: str) -> bool:
    """Of a thread of tantivy's that ends for want of room one learns no more than that it ended."""
    if "writer was killed" not in reason:
        return False
    with suppress(OSError):
        return shutil.disk_usage(directory).free < ROOM_TO_WRITE_BYTES
    return False
