"""Which files a list of paths means."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from serve_app.client import Upload, shown_name


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something under a folder that is not imported, and why."""

    path: str
    reason: str


def find_files(paths: Sequence[Path]) -> tuple[list[Upload], list[Skipped]]:
    """The files that ``paths`` name, folders walked in sorted order, none of them twice.

    A file that is named itself keeps its base name, hidden or not; one from a folder is called
    after its way from the folder's parent (``export/general/2026-03-31.json``).
    """
    found: list[Upload] = []
    skipped: list[Skipped] = []
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if path.is_dir():
            items = _walk(path, path.resolve().name, seen)
        else:
            items = iter([_looked_at(path, path.name)])
        for item in items:
            if isinstance(item, Upload):
                found.append(item)
            else:
                skipped.append(item)
    return found, skipped


def _walk(folder: Path, name: str, seen: set[tuple[int, int]]) -> Iterator[Upload | Skipped]:
    """Depth first. Links are followed, but no folder is entered twice, so loops end."""
    try:
        status = folder.stat()
        entries = sorted(os.listdir(folder))
    except OSError as error:
        yield Skipped(shown_name(folder), _reason(error))
        return
    if (status.st_dev, status.st_ino) in seen:
        yield Skipped(shown_name(folder), "folder is here by another way already")
        return
    seen.add((status.st_dev, status.st_ino))
    if not entries:
        yield Skipped(shown_name(folder), "empty folder")
    for entry in entries:
        path = folder / entry
        if entry.startswith("."):
            yield Skipped(shown_name(path), "hidden")
        elif path.is_dir():
            yield from _walk(path, f"{name}/{entry}", seen)
        else:
            yield _looked_at(path, f"{name}/{entry}".lstrip("/"))


def _looked_at(path: Path, filename: str) -> Upload | Skipped:
    try:
        status = path.stat()
    except FileNotFoundError:
        return Skipped(shown_name(path), "link to nothing")
    except OSError as error:
        return Skipped(shown_name(path), _reason(error))
    if not stat.S_ISREG(status.st_mode):
        return Skipped(shown_name(path), "not a regular file")
    if not os.access(path, os.R_OK):
        return Skipped(shown_name(path), "permission denied")
    return Upload(path, shown_name(filename), status.st_size)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
