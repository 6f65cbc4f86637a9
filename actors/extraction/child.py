"""The process that extracts documents, one after the other. It never lives without its parent."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import threading
import time
from typing import BinaryIO

import orjson

from actors.extraction.wire import (
    DONE,
    ERROR,
    TOO_LARGE,
    packed_end,
    packed_part,
    read_frame,
    write_frame,
)
from domain.errors import UnreadableFileError
from domain.parsers.documents.extracting import LocalExtractor
from domain.ports.extraction import DocumentKind

_PARENT_CHECK_SECONDS = 0.5
_MAX_WRITTEN_BYTES = 1024**2
_NO_CORE_FILE = 0
_MAX_CONTENT_BYTES = 1024**3


def main(parent: int, memory_bytes: int) -> None:
    """Extract what comes on standard input until it ends."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the frames.
    os.dup2(2, 1)
    _confine(memory_bytes)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    while (job := read_frame(jobs)) is not None:
        content = read_frame(jobs, max_bytes=_MAX_CONTENT_BYTES)
        if content is None:
            break
        _answer(orjson.loads(job), content, answers)
        del content


def _answer(job: dict[str, str], content: bytes, answers: BinaryIO) -> None:
    _allow_seconds(float(job["timeout_seconds"]))
    try:
        for part in LocalExtractor().extract(DocumentKind(job["kind"]), content):
            write_frame(answers, packed_part(part))
        end = packed_end(DONE)
    except UnreadableFileError as error:
        end = packed_end(ERROR, error.message)
    except (MemoryError, RecursionError):
        end = packed_end(TOO_LARGE)
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        end = packed_end(ERROR, f"it cannot be read ({type(error).__name__}); save it anew")
    write_frame(answers, end)


def _confine(memory_bytes: int) -> None:
    """Limit what a hostile document could take of the machine."""
    limits = (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CORE, _NO_CORE_FILE),
        (resource.RLIMIT_FSIZE, _MAX_WRITTEN_BYTES),
    )
    for kind, limit in limits:
        # macOS knows RLIMIT_AS and refuses it; there the parent's clock is the limit.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, resource.getrlimit(kind)[1]))


def _allow_seconds(seconds: float) -> None:
    """End this process by its used time, too, lest it outlives a parent that cannot stop it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _die_with(parent: int) -> None:
    # A death signal from the kernel would come when the thread that started this process ends.
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    os._exit(1)
