"""An extractor whose work is done by a child process, killed when it takes too much."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

import orjson

from actors.extraction.wire import (
    DONE,
    TOO_LARGE,
    BrokenFrameError,
    read_frame,
    unpacked,
    write_frame,
)
from domain.errors import UnreadableFileError
from domain.ports.extraction import DocumentKind, ExtractedPart

MIB = 1024**2
_MAIN = "import sys; sys.path[:] = sys.argv[3:]; from actors.extraction.child import main; "
_MAIN += "main(int(sys.argv[1]), int(sys.argv[2]))"
_SHOWN_ERROR_BYTES = 2000
_OUT_OF_MEMORY = ("memory", "bad_alloc")
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """What one document may take: seconds on the clock, and address space of its process."""

    timeout_seconds: float = 120.0
    memory_bytes: int = 1024 * MIB


class IsolatedExtractor:
    """Gives each document to a warm child process, which is started anew when it has died.

    One child waits for the next document; while several threads extract at once there are as
    many. ``close`` ends those that wait.
    """

    def __init__(self, limits: ExtractionLimits) -> None:
        self._limits = limits
        self._idle: list[_Child] = []
        self._lock = threading.Lock()

    def extract(self, kind: DocumentKind, content: bytes) -> Iterator[ExtractedPart]:
        child = self._take()
        try:
            yield from child.extract(kind, content)
        finally:
            self._give_back(child)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _take(self) -> _Child:
        with self._lock:
            while self._idle:
                child = self._idle.pop()
                if child.is_ready:
                    return child
                child.end()
        return _Child(self._limits)

    def _give_back(self, child: _Child) -> None:
        """Keep it if it is ready for more and no other one is waiting."""
        with self._lock:
            if child.is_ready and not self._idle:
                self._idle.append(child)
                return
        child.end()


class _Child:
    """One process, and the document that it has in hand."""

    def __init__(self, limits: ExtractionLimits) -> None:
        self._limits = limits
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, str(os.getpid()), str(limits.memory_bytes), *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # Nothing of the environment, which holds secrets, is a document's business.
            env={"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._is_busy = False
        self._is_late = False

    @property
    def is_ready(self) -> bool:
        return not self._is_busy and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def extract(self, kind: DocumentKind, content: bytes) -> Iterator[ExtractedPart]:
        self._is_busy = True
        timer = threading.Timer(self._limits.timeout_seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            self._send(kind, content)
            yield from self._parts()
            self._is_busy = False
        except (BrokenFrameError, OSError) as error:
            raise self._death() from error
        finally:
            timer.cancel()

    def end(self) -> None:
        """End the process; one that is in the middle of a document, or does not go, is killed."""
        if self._is_busy:
            self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            _close(pipe)
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _expire(self) -> None:
        self._is_late = True
        self._process.kill()

    def _send(self, kind: DocumentKind, content: bytes) -> None:
        job = {"kind": kind.value, "timeout_seconds": self._limits.timeout_seconds}
        pipe = cast("BinaryIO", self._process.stdin)
        write_frame(pipe, orjson.dumps(job))
        write_frame(pipe, content)

    def _parts(self) -> Iterator[ExtractedPart]:
        pipe = cast("BinaryIO", self._process.stdout)
        while (frame := read_frame(pipe)) is not None:
            said = unpacked(frame)
            if not isinstance(said, tuple):
                yield said
                continue
            word, sentence = said
            if word == DONE:
                return
            self._is_busy = False
            raise self._too_large() if word == TOO_LARGE else UnreadableFileError(sentence)
        raise BrokenFrameError("the process has ended")

    def _death(self) -> UnreadableFileError:
        """Why the process has gone, or has to go."""
        self._process.kill()
        code = self._process.wait()
        if self._is_late or code == -signal.SIGXCPU:
            return UnreadableFileError(
                f"reading the document takes more than {self._limits.timeout_seconds:g} seconds; "
                "split it, or raise HEADRACE_INGEST__DOCUMENT_TIMEOUT_SECONDS"
            )
        said = self._last_words()
        if any(word in said.lower() for word in _OUT_OF_MEMORY):
            return self._too_large()
        return UnreadableFileError(
            "the document made its reader crash; it is damaged, or needs more than "
            f"{self._limits.memory_bytes // MIB:,} MiB of memory: save it anew, or split it",
            exit_code=code,
            last_words=said[-500:],
        )

    def _too_large(self) -> UnreadableFileError:
        return UnreadableFileError(
            f"reading the document takes more than {self._limits.memory_bytes // MIB:,} MiB of "
            "memory; split it, or raise HEADRACE_INGEST__DOCUMENT_MEMORY_BYTES"
        )

    def _last_words(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _SHOWN_ERROR_BYTES))
        return self._errors.read().decode("utf-8", "replace")


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is None:
        return
    try:
        pipe.close()
    except OSError:  # what it still held was for a process that is gone
        return
