"""A PostgreSQL server of our own, kept in a directory.

``postgres`` in that directory holds ``cluster`` (the data), ``server.log``, ``start.lock`` and,
where the path is short enough for one, ``socket``. The server outlives the process that started
it; any process may adopt it by ``start`` and only ``stop`` ends it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote

import psutil

from actors.adapters.postgres.installation import (
    MAJOR_VERSION,
    Account,
    open_paths,
    open_programs,
    programs_directory,
)
from domain.errors import StoreUnavailableError

DATABASE = "headrace"
SUPERUSER = "headrace"
MAX_SOCKET_PATH_BYTES = 100
START_SECONDS = 120
STOP_SECONDS = 60
ORPHANS_SECONDS = 30

CONFIGURATION = """\
# Written by Headrace at every start; changes are lost.
listen_addresses = ''
port = 5432
unix_socket_directories = '{socket_directory}'
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = 64MB
work_mem = 8MB
maintenance_work_mem = 64MB
max_wal_size = 512MB
wal_compression = on
checkpoint_timeout = 15min
io_method = sync
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_checkpoints = off
log_line_prefix = '%m [%p] '
"""

CAUSES = {
    "No space left on device": "its disk is full: free some space and start again",
    "Permission denied": "it may not write there: check who owns the directory",
    "Read-only file system": "its file system is read-only: choose another data directory",
    "could not map anonymous shared memory": "too little memory is free: stop something",
    "could not create shared memory": "too little shared memory is free: stop something",
}
"""What PostgreSQL's log may say, and what a person should read instead."""

STILL_ENDING = ("pre-existing shared memory block", "Is another postmaster")
"""Processes of a killed server are still ending; a later try succeeds."""


SSL_REQUEST = bytes.fromhex("00000008 04d2162f")
"""The shortest message that a server answers: with ``N`` where it speaks no TLS."""


class EmbeddedPostgres:
    """The server whose data lie in ``data_dir/postgres``; one may run in every directory.

    It listens on a socket in a directory that only its owner may enter, so its DSN needs no
    password and stays the same over restarts. All methods block.
    """

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir.absolute() / "postgres"
        self._cluster = self._root / "cluster"
        self._log = self._root / "server.log"
        self._account = Account.for_this_process()
        self._socket_directory = _socket_directory(self._root)

    @property
    def dsn(self) -> str:
        directory = quote(str(self._socket_directory), safe="/")
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={directory}&port=5432"

    @property
    def pid(self) -> int | None:
        """Process id of the running server, else ``None``."""
        process = self._postmaster()
        return process.pid if process else None

    def is_running(self) -> bool:
        return self._postmaster() is not None

    def start(self) -> str:
        """Start the server, or adopt it where it runs; returns its DSN when it answers.

        Raises:
            StoreUnavailableError: it does not start; the message says why and the fix.
        """
        try:
            with self._lock():
                self._adopt_or_launch()
        except (OSError, subprocess.SubprocessError) as error:
            raise self._failure(str(error)) from error
        return self.dsn

    def stop(self) -> None:
        """Stop the server, connections or not; nothing that was committed is lost."""
        if not self._cluster.exists():
            return
        with self._lock():
            postmaster = self._postmaster()
            if postmaster is None:
                return
            # What ``pg_ctl stop --mode=fast`` does, without its need to enter the directory.
            postmaster.send_signal(signal.SIGINT)
            _, alive = psutil.wait_procs([postmaster], timeout=STOP_SECONDS)
            if alive:
                raise StoreUnavailableError(f"PostgreSQL does not stop; see {self._log}")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time start or stop the server."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _postmaster(self) -> psutil.Process | None:
        """The running server of this directory; its pid may long be somebody else's."""
        try:
            process = psutil.Process(int(self._pid_file.read_text().split("\n", 1)[0]))
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return process if str(self._cluster) in process.cmdline() else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _adopt_or_launch(self) -> None:
        """A server that was just killed may still be listed as running, but does not answer."""
        deadline = time.monotonic() + ORPHANS_SECONDS
        while self.is_running():
            if self._answers():
                return
            if time.monotonic() > deadline:
                raise self._failure(f"process {self.pid} runs there but does not answer")
            time.sleep(0.05)
        self._prepare()
        self._launch()

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(5)
                probe.connect(str(self._socket_directory / ".s.PGSQL.5432"))
                probe.sendall(SSL_REQUEST)
                return probe.recv(1) in (b"S", b"N")
        except OSError:
            return False

    @property
    def _pid_file(self) -> Path:
        return self._cluster / "postmaster.pid"

    def _prepare(self) -> None:
        """Everything that a start needs, made or repaired; safe to repeat."""
        programs = programs_directory()
        open_paths(self._account, self._cluster, programs / "postgres")
        open_programs(self._account, programs)
        if self._account.is_other:
            self._root.chmod(self._root.stat().st_mode | 0o011)
        self._account.own(self._socket_directory, mode=0o700)
        self._log.touch()
        if self._account.is_other:
            os.chown(self._log, self._account.uid, self._account.gid)
        if not self._cluster.exists():
            self._initialise(programs)
        self._check_version()
        configuration = CONFIGURATION.format(socket_directory=self._socket_directory)
        (self._cluster / "postgresql.conf").write_text(configuration)

    def _initialise(self, programs: Path) -> None:
        """Make the cluster and its database beside their place, then move them there at once."""
        fresh = self._root / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._account.own(fresh, mode=0o700)
        self._run(
            f"{programs}/initdb",
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        )
        self._run(
            f"{programs}/postgres",
            "--single",
            "-D",
            str(fresh),
            "postgres",
            stdin=f"CREATE DATABASE {DATABASE}\n",
        )
        fresh.rename(self._cluster)

    def _check_version(self) -> None:
        version = (self._cluster / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            raise StoreUnavailableError(
                f"{self._cluster} was made by PostgreSQL {version}, this one is {MAJOR_VERSION}: "
                "choose another data directory, or move the data by pg_upgrade"
            )

    def _remove_misleading_pid_file(self) -> None:
        """Forget a pid that is another program's or a dead one's: PostgreSQL would not start.

        Where the pid is nobody's, PostgreSQL itself finds out whether any process is left over.
        """
        try:
            pid = int(self._pid_file.read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
                self._pid_file.unlink()
        except (FileNotFoundError, ValueError, psutil.Error):
            return

    def _launch(self) -> None:
        deadline = time.monotonic() + ORPHANS_SECONDS
        while True:
            self._remove_misleading_pid_file()
            offset = self._log.stat().st_size
            result = self._pg_ctl_start()
            if result.returncode == 0:
                return
            with self._log.open("rb") as log:
                log.seek(offset)
                said = log.read().decode(errors="replace")
            is_ending = any(sign in said for sign in STILL_ENDING)
            if not is_ending or time.monotonic() > deadline:
                raise self._failure(said or result.stdout)
            time.sleep(0.1)

    def _pg_ctl_start(self) -> subprocess.CompletedProcess[str]:
        # pg_ctl gives the server a session of its own, so that it survives its starter's terminal.
        command = (
            f"{programs_directory()}/pg_ctl",
            "start",
            f"--pgdata={self._cluster}",
            f"--log={self._log}",
            "--wait",
            f"--timeout={START_SECONDS}",
        )
        return self._account.run(command, cwd=self._root, timeout_seconds=START_SECONDS + 10)

    def _run(self, *command: str, stdin: str = "") -> None:
        result = self._account.run(
            command, cwd=self._root, stdin=stdin, timeout_seconds=START_SECONDS
        )
        if result.returncode != 0:
            raise self._failure(result.stdout)

    def _failure(self, said: str) -> StoreUnavailableError:
        """One sentence with the fix, from what the programs said."""
        fix = next((fix for sign, fix in CAUSES.items() if sign in said), None)
        if fix is None:
            last_line = said.strip().splitlines()[-1:] or ["no reason given"]
            fix = f"{last_line[0].strip()}; see {self._log}"
        return StoreUnavailableError(f"PostgreSQL in {self._root} does not start: {fix}")


def _socket_directory(root: Path) -> Path:
    """Inside ``root``, or in the temporary directory where a socket's path would be too long."""
    inside = root / "socket"
    if len(os.fsencode(inside)) + len("/.s.PGSQL.5432") <= MAX_SOCKET_PATH_BYTES:
        return inside
    digest = blake2b(os.fsencode(root), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"headrace-{digest}"
