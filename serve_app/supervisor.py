"""The process that starts PostgreSQL and the node, keeps them alive, and stops them.

It imports neither Ray nor the index, so it costs little and outlives whatever they do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import Protocol

import psutil
import structlog

from actors.logging import configure_logging
from actors.settings import Settings
from domain.errors import HeadraceError
from serve_app.addresses import answers, url_of
from serve_app.process_tree import (
    adopt_orphans,
    family_of,
    is_postgres,
    kill,
    reap_orphans,
    stop_leftovers,
    terminate,
)
from serve_app.run_state import Phase, ProcessMark, RunDirectory, ServiceState, trim_log

log = structlog.get_logger(__name__)

NODE_COMMAND = (sys.executable, "-m", "serve_app.node")
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Postgres(Protocol):
    """A PostgreSQL server of this data directory."""

    def start(self) -> str:
        """Start it, or find it running; returns its DSN."""
        ...

    def is_running(self) -> bool: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Timings:
    """How patient a supervisor is, in seconds (``max_log_bytes`` excepted)."""

    watch_interval: float = 0.5
    start_limit: float = 600.0
    stop_grace: float = 30.0
    unready_stop_grace: float = 3.0
    backoff_first: float = 1.0
    backoff_limit: float = 30.0
    healthy_after: float = 60.0
    max_log_bytes: int = 16 * 1024 * 1024


class StopRequested(Exception):
    """A signal asked the supervisor to end."""


class StartFailed(HeadraceError):
    """The service cannot start; the message says why and what to do."""


class NodeRefused(StartFailed):
    """The node has said itself why it cannot start."""


class Supervisor:
    """Runs one service until a signal comes; whatever way it ends, it stops what it started."""

    def __init__(
        self,
        settings: Settings,
        *,
        postgres: Postgres | None,
        prepare_database: Callable[[str], None],
        node_command: Sequence[str] = NODE_COMMAND,
        timings: Timings = Timings(),
        on_phase: Callable[[Phase], None] = lambda phase: None,
        tied_to_parent: bool = False,
    ) -> None:
        self._settings = settings
        self._postgres = postgres
        self._prepare_database = prepare_database
        self._node_command = node_command
        self._timings = timings
        self._on_phase = on_phase
        self._parent = os.getppid() if tied_to_parent else None
        self._run_dir = RunDirectory(settings.data_dir)
        self._state = ServiceState(ProcessMark.of(os.getpid()), url_of(settings), Phase.POSTGRES)
        self._node: subprocess.Popen[bytes] | None = None
        self._node_since = 0.0
        self._node_was_ready = False
        self._dsn = ""
        self._postgres_pause = 0.0
        self._postgres_again_at = 0.0
        self._stop_requested = False

    def run(self) -> None:
        """Start, watch, stop.

        Raises:
            ConflictError: another supervisor holds the data directory.
            StartFailed: the service did not become ready; everything is stopped again.
        """
        with self._run_dir.lock():
            adopt_orphans()
            self._listen_for_signals()
            stop_leftovers(self._run_dir)
            try:
                self._start()
                self._watch()
            except StopRequested:
                self._enter(Phase.STOPPING)
                self._stop_everything()
                self._run_dir.forget()
            except Exception as error:
                is_explained = isinstance(error, NodeRefused) or (
                    isinstance(error, HeadraceError) and self._node is None
                )
                self._stop_everything()
                self._show(self._state.failed(str(error), is_explained=is_explained))
                raise

    def _listen_for_signals(self) -> None:
        def request_stop(number: int, frame: FrameType | None) -> None:
            self._stop_requested = True

        for number in STOP_SIGNALS:
            signal.signal(number, request_stop)

    def _start(self) -> None:
        self._start_database()
        self._start_node()
        deadline = time.monotonic() + self._timings.start_limit
        while self._state.phase is not Phase.READY:
            self._pause(self._timings.watch_interval)
            if self._node_status() is not None:
                if refusal := self._run_dir.refusal():
                    raise NodeRefused(refusal)
                raise StartFailed(
                    f"the node ended with status {self._node_status()} while starting"
                )
            if time.monotonic() > deadline:
                limit = self._timings.start_limit
                raise StartFailed(f"the service was not ready after {limit:.0f} s")
            self._keep_postgres()
            self._follow_node()

    def _start_database(self) -> None:
        """Have a migrated database, and its DSN."""
        named = self._settings.postgres.dsn
        if named is not None:
            self._dsn = named.get_secret_value()
        elif self._postgres is not None:
            self._enter(Phase.POSTGRES)
            self._dsn = self._postgres.start()
        self._pause(0)
        self._enter(Phase.MIGRATIONS)
        self._prepare_database(self._dsn)
        self._pause(0)

    def _start_node(self) -> None:
        # In a session of its own, so that a terminal's Ctrl-C reaches only the supervisor, which
        # then stops things in order.
        self._run_dir.node_file.unlink(missing_ok=True)
        with self._run_dir.node_log.open("ab") as output:
            self._node = subprocess.Popen(
                self._node_command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._settings.child_environment(HEADRACE_POSTGRES__DSN=self._dsn),
            )
        self._node_since = time.monotonic()
        self._node_was_ready = False
        mark = ProcessMark.of(self._node.pid)
        self._state = replace(self._state, node=mark)
        self._enter(Phase.RAY)

    def _watch(self) -> None:
        backoff = self._timings.backoff_first
        while True:
            self._pause(self._timings.watch_interval)
            reap_orphans(except_pid=self._node.pid if self._node else None)
            self._trim_logs()
            self._keep_postgres()
            self._follow_node()
            if time.monotonic() - self._node_since > self._timings.healthy_after:
                backoff = self._timings.backoff_first
            if self._node_status() is not None:
                self._restart_node(after_seconds=backoff)
                backoff = min(backoff * 2, self._timings.backoff_limit)

    def _follow_node(self) -> None:
        """Write down how far a starting node is."""
        if self._state.phase is Phase.RAY and self._run_dir.node_file.exists():
            self._enter(Phase.SERVE)
        is_starting = self._state.phase in (Phase.RAY, Phase.SERVE)
        if is_starting and answers(f"{self._state.url}/health/ready"):
            self._node_was_ready = True
            self._run_dir.forget_refusal()
            self._enter(Phase.READY)
            log.info("service_ready", url=self._state.url)

    def _keep_postgres(self) -> None:
        if self._postgres is None:
            return
        if self._postgres.is_running():
            if self._state.error is not None:
                # It took longer than its start was waited for.
                self._postgres_is_well()
            return
        if time.monotonic() < self._postgres_again_at:
            return
        log.warning("postgres_restarting")
        try:
            dsn = self._postgres.start()
        except (HeadraceError, OSError, subprocess.SubprocessError) as error:
            # Processes of the dead server may hold its memory for a moment; a later turn tries.
            log.error("postgres_not_started", error=str(error))
            self._wait_for_postgres()
            self._keep(self._state.troubled(str(error)))
            return
        self._postgres_is_well()
        if dsn != self._dsn:
            self._dsn = dsn
            self._stop_node()

    def _postgres_is_well(self) -> None:
        self._postgres_pause = 0.0
        self._keep(self._state.troubled(None))

    def _wait_for_postgres(self) -> None:
        """Try a server that does not start less and less often: each try writes to its disk."""
        timings = self._timings
        self._postgres_pause = min(
            2 * self._postgres_pause or timings.watch_interval, timings.backoff_limit
        )
        self._postgres_again_at = time.monotonic() + self._postgres_pause

    def _restart_node(self, *, after_seconds: float) -> None:
        log.warning("node_restarting", status=self._node_status(), backoff_seconds=after_seconds)
        self._stop_node()
        self._state = replace(self._state, node=None, restarts=self._state.restarts + 1)
        self._enter(Phase.RESTARTING)
        self._pause(after_seconds)
        self._start_node()

    def _node_status(self) -> int | None:
        return self._node.poll() if self._node else 0

    def _stop_everything(self) -> None:
        self._stop_node()
        if self._postgres is not None:
            self._postgres.stop()
        reap_orphans(except_pid=None)

    def _stop_node(self) -> None:
        """End the node, then whatever it left behind: all our descendants but PostgreSQL."""
        node = self._node
        if node is not None and node.poll() is None:
            process = psutil.Process(node.pid)
            family = family_of(process)
            terminate(process, grace_seconds=self._stop_grace())
            kill(family)
            node.wait()
        kill([*self._run_dir.node_processes(), *self._stray_children()])
        self._node = None

    def _stop_grace(self) -> float:
        """A node that never answered has nothing to finish, and is deaf while Ray starts."""
        timings = self._timings
        return timings.stop_grace if self._node_was_ready else timings.unready_stop_grace

    def _stray_children(self) -> list[psutil.Process]:
        """Adopted orphans and theirs; nothing of the PostgreSQL server."""
        strays = []
        for child in psutil.Process().children():
            if not is_postgres(child):
                strays += family_of(child)
        return strays

    def _trim_logs(self) -> None:
        for path in (self._run_dir.node_log, self._run_dir.supervisor_log):
            try:
                trim_log(path, max_bytes=self._timings.max_log_bytes)
            except OSError as error:
                # A full disk is no reason to end the service; a later turn tries again.
                log.debug("log_not_trimmed", path=str(path), error=str(error))

    def _enter(self, phase: Phase) -> None:
        self._show(self._state.at(phase))

    def _show(self, state: ServiceState) -> None:
        self._keep(state)
        self._on_phase(state.phase)

    def _keep(self, state: ServiceState) -> None:
        self._state = state
        try:
            self._run_dir.write(state)
        except OSError as error:
            # A full disk is no reason to end a service that may still answer.
            log.warning("state_not_written", error=str(error))

    def _pause(self, seconds: float) -> None:
        """Wait, in steps short enough to hear a signal soon."""
        deadline = time.monotonic() + seconds
        while True:
            if self._stop_requested or (self._parent and os.getppid() != self._parent):
                raise StopRequested
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.1))


def supervisor_of(
    settings: Settings,
    *,
    on_phase: Callable[[Phase], None] = lambda phase: None,
    tied_to_parent: bool = False,
) -> Supervisor:
    """The supervisor of a real service: its own PostgreSQL, unless the settings name one."""
    return Supervisor(
        settings,
        postgres=None if settings.postgres.dsn else embedded_postgres(settings),
        prepare_database=lambda dsn: migrate_database(settings, dsn),
        on_phase=on_phase,
        tied_to_parent=tied_to_parent,
    )


def migrate_database(settings: Settings, dsn: str) -> None:
    """Bring the schema up to date, past a pooler where the settings name the way."""
    from actors.adapters.postgres.migrate import migrate

    direct = settings.postgres.direct_dsn
    if direct is None:
        asyncio.run(migrate(dsn))
    else:
        asyncio.run(migrate(direct.get_secret_value(), setting="HEADRACE_POSTGRES__DIRECT_DSN"))


def embedded_postgres(settings: Settings) -> Postgres:
    """The PostgreSQL server that lives in the data directory, running or not."""
    from actors.adapters.postgres.server import EmbeddedPostgres

    return EmbeddedPostgres(settings.data_dir.absolute())


def main() -> int:
    """Supervise the service that the environment describes; ``--tied`` ends with the parent."""
    settings = Settings()
    configure_logging(settings.log)
    try:
        supervisor_of(settings, tied_to_parent="--tied" in sys.argv[1:]).run()
    except HeadraceError as error:
        log.error("service_not_started", error=error.message)
        return 1
    except Exception:
        log.exception("supervisor_failed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
