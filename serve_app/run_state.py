"""What a data directory says about the processes that serve it: ``<data_dir>/run`` and ``logs``."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
import psutil

from domain.errors import ConflictError

CLOCK_TOLERANCE_SECONDS = 2.0
"""Creation times are computed from the boot time, which shifts a little when clocks are set."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Phase(StrEnum):
    """How far the service is."""

    POSTGRES = "postgres"
    MIGRATIONS = "migrations"
    RAY = "ray"
    SERVE = "serve"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process, told apart from a later one with the same pid by when it began."""

    pid: int
    started_at: float

    @classmethod
    def of(cls, pid: int) -> ProcessMark:
        """Raises ``psutil.NoSuchProcess``."""
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The process, if it still lives."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            is_same = abs(process.create_time() - self.started_at) <= CLOCK_TOLERANCE_SECONDS
        except psutil.NoSuchProcess:
            return None
        return process if is_same else None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """``run/supervisor.json``: who runs here, and how far it is.

    ``error`` says why it failed, or what keeps a part of it from running.
    ``is_explained``: the error is a sentence with the fix, and the logs have nothing to add.
    """

    supervisor: ProcessMark
    url: str
    phase: Phase
    node: ProcessMark | None = None
    restarts: int = 0
    error: str | None = None
    is_explained: bool = False

    def at(self, phase: Phase) -> ServiceState:
        return replace(self, phase=phase, error=None, is_explained=False)

    def troubled(self, error: str | None) -> ServiceState:
        """The same phase, with what keeps a part from running, or without it."""
        return replace(self, error=error)

    def failed(self, error: str, *, is_explained: bool) -> ServiceState:
        return replace(self, phase=Phase.FAILED, error=error, is_explained=is_explained)

    @property
    def is_live(self) -> bool:
        """Whether the supervisor, or a node that outlived it, still runs."""
        return self.supervisor.find() is not None or self.has_live_node

    @property
    def has_live_node(self) -> bool:
        return self.node is not None and self.node.find() is not None


class RunDirectory:
    """The files about the running service of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.root = self.data_dir / "run"
        self.logs = self.data_dir / "logs"
        self.state_file = self.root / "supervisor.json"
        self.node_file = self.root / "node.json"
        self.refusal_file = self.root / "refusal.txt"
        self.counts = self.root / "counts"
        self._lock_file = self.root / "supervisor.lock"

    @property
    def supervisor_log(self) -> Path:
        return self.logs / "supervisor.log"

    @property
    def node_log(self) -> Path:
        return self.logs / "node.log"

    def create(self) -> None:
        """Raises ``OSError``."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)

    def read(self) -> ServiceState | None:
        """The written state; ``None`` when there is none, or none that can be read."""
        try:
            return _state_of(orjson.loads(self.state_file.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, state: ServiceState) -> None:
        """Replace the state at once: a reader sees the old one or the new one."""
        fresh = self.state_file.with_suffix(".new")
        fresh.write_bytes(orjson.dumps(self._json_of(state), option=orjson.OPT_INDENT_2))
        os.replace(fresh, self.state_file)

    def forget(self) -> None:
        """Say that nothing runs here any more."""
        self.state_file.unlink(missing_ok=True)
        self.node_file.unlink(missing_ok=True)
        self.forget_refusal()

    def keep_refusal(self, sentence: str) -> None:
        """Write down why a node cannot start, and the fix: only it can know."""
        self.refusal_file.write_text(sentence, "utf-8")

    def refusal(self) -> str | None:
        """Why the last node that tried could not start, if it could say so."""
        try:
            return self.refusal_file.read_text("utf-8") or None
        except OSError:
            return None

    def forget_refusal(self) -> None:
        self.refusal_file.unlink(missing_ok=True)

    def node_processes(self) -> list[psutil.Process]:
        """Live processes that the node has named as its own in ``run/node.json``.

        The file's time guards against pids that were given to others since.
        """
        try:
            named = orjson.loads(self.node_file.read_bytes())
            written_at = self.node_file.stat().st_mtime
        except (OSError, ValueError):
            return []
        marks = named.get("pids", {}) if isinstance(named, dict) else {}
        pids = marks.values() if isinstance(marks, dict) else marks
        return [p for pid in pids if isinstance(pid, int) and (p := _older(pid, written_at))]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one supervisor of this directory; the lock dies with the process.

        Raises:
            ConflictError: another supervisor holds it.
        """
        self.create()
        with self._lock_file.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConflictError(
                    "another supervisor holds this data directory", data_dir=str(self.data_dir)
                ) from error
            yield

    def _json_of(self, state: ServiceState) -> dict[str, Any]:
        return {
            "pid": state.supervisor.pid,
            "started_at": state.supervisor.started_at,
            "url": state.url,
            "phase": state.phase,
            "error": state.error,
            "is_explained": state.is_explained,
            "restarts": state.restarts,
            "node": asdict(state.node) if state.node else None,
            "logs": {"supervisor": str(self.supervisor_log), "node": str(self.node_log)},
        }


def _state_of(written: dict[str, Any]) -> ServiceState:
    node = written.get("node")
    return ServiceState(
        supervisor=ProcessMark(written["pid"], written["started_at"]),
        url=written["url"],
        phase=Phase(written["phase"]),
        node=ProcessMark(**node) if node else None,
        restarts=written.get("restarts", 0),
        error=written.get("error"),
        is_explained=bool(written.get("is_explained")),
    )


def _older(pid: int, written_at: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        is_older = process.create_time() <= written_at + CLOCK_TOLERANCE_SECONDS
    except psutil.NoSuchProcess:
        return None
    return process if is_older else None


def trim_log(path: Path, *, max_bytes: int) -> None:
    """Begin a log anew once it is longer; the old one is kept as ``….1``.

    It is copied and cut, not renamed: its writers hold it open for appending. What they write
    between the two steps is lost.
    """
    try:
        if path.stat().st_size <= max_bytes:
            return
    except FileNotFoundError:
        return
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)


def tail_of(path: Path, *, lines: int = 15, max_bytes: int = 32_768) -> list[str]:
    """The last lines of a log, as far as it can be read, without their colours."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - max_bytes))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    plain = COLOURS.sub("", text)
    return [line for line in plain.splitlines() if line.strip()][-lines:]
