"""Starting and stopping a service from outside: what ``up``, ``down`` and the demo share."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.settings import Settings
from actors.store_settings import MIB, ObjectBackend, SearchBackend
from domain.errors import IndexUnavailableError, ObjectStoreUnavailableError
from serve_app.addresses import CannotStart, is_port_free, next_free_port
from serve_app.leftovers import end_leftovers
from serve_app.process_tree import kill, stop_leftovers, terminate
from serve_app.ray_environment import ray_token_file
from serve_app.run_state import Phase, ProcessMark, RunDirectory, ServiceState, tail_of
from serve_app.supervisor import embedded_postgres

SUPERVISOR_COMMAND = (sys.executable, "-m", "serve_app.supervisor")
MIN_FREE_BYTES = 512 * MIB
FOLLOW_SECONDS = 0.1
STOP_SECONDS = 90.0

STEP_OF: dict[Phase, str] = {
    Phase.POSTGRES: "starting PostgreSQL",
    Phase.MIGRATIONS: "bringing the schema up to date",
    Phase.RAY: "starting Ray",
    Phase.SERVE: "starting the service on Ray Serve",
    Phase.READY: "ready",
    Phase.RESTARTING: "starting again after a crash",
    Phase.STOPPING: "stopping",
    Phase.FAILED: "failed",
}
"""Each phase in the words of ``headrace up``."""

Step = Callable[[Phase], None]


@dataclass(frozen=True, slots=True)
class Launched:
    """A service that answers. ``was_running``: somebody else has started it before."""

    url: str
    pid: int
    was_running: bool


def live_state(data_dir: Path) -> ServiceState | None:
    """The service of a data directory, if any of it runs."""
    state = RunDirectory(data_dir).read()
    return state if state is not None and state.is_live else None


def check_place(data_dir: Path) -> None:
    """Raises ``CannotStart`` if the data directory cannot be written, or its disk is full."""
    fix = "choose another place with --data-dir or HEADRACE_DATA_DIR"
    try:
        RunDirectory(data_dir).create()
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CannotStart(f"cannot write to {data_dir}: {reason}; {fix}") from error
    free = shutil.disk_usage(data_dir).free
    if free < MIN_FREE_BYTES:
        raise CannotStart(
            f"only {free // MIB} MB are free at {data_dir}, {MIN_FREE_BYTES // MIB} MB are needed: "
            f"make room, or {fix}"
        )


def check_port(settings: Settings) -> None:
    """Raises ``CannotStart`` naming a free port when the wanted one is taken."""
    host, port = settings.http.host, settings.http.port
    if not is_port_free(host, port):
        free = next_free_port(host, port)
        raise CannotStart(
            f"port {port} is taken by another program; {free} is free: headrace up --port {free}",
            port=port,
            free_port=free,
        )


def check_bucket(settings: Settings) -> None:
    """Raises ``CannotStart`` with the fix if files are kept in a bucket that cannot be used."""
    if settings.objects.backend is not ObjectBackend.S3:
        return
    # Imported here, as the driver takes a third of a second.
    from actors.adapters.s3.object_store import S3ObjectStore

    async def ping() -> None:
        store = S3ObjectStore(settings.objects.s3)
        try:
            await store.ping()
        finally:
            await store.close()

    try:
        asyncio.run(ping())
    except ObjectStoreUnavailableError as error:
        raise CannotStart(error.message) from error


def check_index(settings: Settings) -> None:
    """Raises ``CannotStart`` with the fix if an index server does not answer, or not to us.

    Whether its collection fits is known once the database has told which model is in use.
    """
    if settings.search.backend is not SearchBackend.WEAVIATE:
        return
    # Imported here, as the client takes a second.
    from actors.adapters.weaviate.connection import check_server

    try:
        asyncio.run(check_server(settings.weaviate))
    except IndexUnavailableError as error:
        raise CannotStart(error.message) from error


def prepare_start(settings: Settings) -> None:
    """Make sure that a service can start: settings, stores, port, nothing left of a killed one.

    Raises:
        CannotStart: with the fix.
    """
    if missing := settings.missing():
        raise CannotStart(missing)
    check_place(settings.data_dir)
    check_bucket(settings)
    check_index(settings)
    _end_leftovers(settings)
    check_port(settings)
    RunDirectory(settings.data_dir).forget()


def with_port(settings: Settings, port: int) -> Settings:
    """The same settings on another port."""
    return settings.model_copy(update={"http": settings.http.model_copy(update={"port": port})})


def start_service(
    settings: Settings,
    *,
    on_phase: Step = lambda phase: None,
    tied_to_caller: bool = False,
    supervisor_command: Sequence[str] = SUPERVISOR_COMMAND,
) -> Launched:
    """Start the service in the background and wait until it answers.

    A service that runs for the data directory already is left as it is. ``tied_to_caller``
    lets the new one end when this process does, however that happens.

    Raises:
        CannotStart: with the last lines of the log, if it came so far.
    """
    running = live_state(settings.data_dir)
    if running and running.supervisor.find():
        return _await_ready(RunDirectory(settings.data_dir), None, on_phase)
    prepare_start(settings)
    run_dir = RunDirectory(settings.data_dir)
    command = [*supervisor_command, *(["--tied"] if tied_to_caller else [])]
    supervisor = _spawn(command, settings, run_dir)
    try:
        return _await_ready(run_dir, supervisor, on_phase)
    except (KeyboardInterrupt, SystemExit):
        # Ended by pid: it may not have written its state yet.
        if process := supervisor.find():
            terminate(process, grace_seconds=STOP_SECONDS)
        stop_service(settings)
        raise


def _spawn(command: Sequence[str], settings: Settings, run_dir: RunDirectory) -> ProcessMark:
    """Start a process that belongs to no terminal and is nobody's to wait for."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        list(command),
        settings.child_environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(run_dir.supervisor_log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return ProcessMark.of(pid)


def _await_ready(run_dir: RunDirectory, supervisor: ProcessMark | None, on_phase: Step) -> Launched:
    """Follow a supervisor, ours or another's, until its service is ready or has failed."""
    shown = None
    while True:
        # Asked before the state is read, so that a last word is not missed.
        is_over = not (supervisor.find() if supervisor else _is_live(run_dir))
        state = run_dir.read()
        if state and state.phase is not shown:
            shown = state.phase
            on_phase(state.phase)
        if state and state.phase is Phase.READY:
            return Launched(state.url, state.supervisor.pid, was_running=supervisor is None)
        if is_over:
            raise _failure(run_dir, state)
        time.sleep(FOLLOW_SECONDS)


def _is_live(run_dir: RunDirectory) -> bool:
    state = run_dir.read()
    return state is not None and state.supervisor.find() is not None


def _failure(run_dir: RunDirectory, state: ServiceState | None) -> CannotStart:
    log = run_dir.node_log if state and state.node else run_dir.supervisor_log
    reason = state.error if state and state.error else "its supervisor ended"
    if state and state.is_explained:
        return CannotStart(f"the service did not start: {reason}")
    lines = "\n".join(f"  {line}" for line in tail_of(log))
    return CannotStart(f"the service did not start: {reason}\n{lines}\nmore in {log}")


def stop_service(settings: Settings, *, on_phase: Step = lambda phase: None) -> bool:
    """Stop the node, then PostgreSQL, of this data directory; ``False`` when nothing ran.

    Also clears up after a supervisor that was killed.
    """
    run_dir = RunDirectory(settings.data_dir)
    state = run_dir.read()
    supervisor = state.supervisor.find() if state else None
    if supervisor is not None:
        on_phase(Phase.STOPPING)
        terminate(supervisor, grace_seconds=STOP_SECONDS)
        kill([supervisor])
    ended = _end_leftovers(settings)
    is_postgres_left = _stop_postgres(settings)
    if run_dir.root.exists():
        run_dir.forget()
    return supervisor is not None or ended > 0 or is_postgres_left


def _end_leftovers(settings: Settings) -> int:
    """What is written down as this directory's, then whatever else carries its mark."""
    ended = stop_leftovers(RunDirectory(settings.data_dir))
    return ended + end_leftovers(ray_token_file(settings.data_dir))


def _stop_postgres(settings: Settings) -> bool:
    """End the server of the data directory; one that a DSN names is not ours to stop."""
    if not settings.data_dir.exists():
        return False
    postgres = embedded_postgres(settings)
    if not postgres.is_running():
        return False
    postgres.stop()
    return True
