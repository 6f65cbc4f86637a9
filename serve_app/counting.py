"""Counts of several API processes that add up, in files which outlive the processes."""

from __future__ import annotations

import fcntl
import os
from itertools import count
from pathlib import Path
from typing import BinaryIO

import structlog
from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

ROOM_BYTES = 1024 * 1024
"""Of each file, and written at the start: a page that a full disk cannot give later ends whoever
writes to it."""

_KINDS = "counter", "histogram"
_SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus_client looks for the directory."""

_held: list[BinaryIO] = []
"""A place is this process's for as long as it holds the lock's file open."""

log = structlog.get_logger(__name__)


def count_together(directory: Path) -> bool:
    """Let what this process counts from now on be summed up with others that count there.

    A process goes on where one that has ended left off, so that there are no more files than
    processes at a time. Where ``directory`` cannot be written it counts for itself, and the log
    says so.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        place = _take_place(directory)
        for kind in _KINDS:
            _make_room(directory / f"{kind}_{place}.db")
    except OSError as error:
        log.warning("counts_kept_alone", error=str(error))
        return False
    os.environ[_SHARED] = str(directory)  # noqa: TID251 - prometheus_client reads only this
    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]
    return True


def counted(own: CollectorRegistry) -> CollectorRegistry:
    """What this process has counted; with all others, if they count together."""
    directory = os.environ.get(_SHARED)  # noqa: TID251 - where ``count_together`` has put it
    if directory is None:
        return own
    everywhere = CollectorRegistry()
    MultiProcessCollector(everywhere, directory)  # type: ignore[no-untyped-call]
    return everywhere


def _take_place(directory: Path) -> int:
    """The first that no living process has."""
    for place in count():
        lock = (directory / f"{place}.lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append(lock)
        return place
    raise AssertionError("numbers do not end")


def _make_room(path: Path) -> None:
    with path.open("ab") as file:
        if file.tell():
            return
        try:
            file.write(bytes(ROOM_BYTES))
            file.flush()
        except OSError:
            path.unlink()
            raise
