"""The real supervisor over a fake PostgreSQL and a fake node, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from actors.settings import Settings
from domain.errors import HeadraceError, StoreUnavailableError
from serve_app.process_tree import kill
from serve_app.supervisor import Supervisor, Timings

QUICK = Timings(watch_interval=0.05, start_limit=10, stop_grace=5, backoff_first=0.05)


class SleepingPostgres:
    """A process of the right name that does nothing; its pid is in ``postmaster.pid``."""

    def __init__(self, data_dir: Path) -> None:
        self._full = data_dir / "full"
        self._slow = data_dir / "slow"
        self._binary = data_dir / "postgres"
        self._pid_file = data_dir / "postmaster.pid"

    def start(self) -> str:
        if self._pid_file.exists() and self.is_running():
            return "postgresql://fake"
        if self._full.exists():
            raise StoreUnavailableError("PostgreSQL does not start: its disk is full")
        if not self._binary.exists():
            self._binary.symlink_to("/bin/sleep")
        server = subprocess.Popen([str(self._binary), "1000"], start_new_session=True)
        self._pid_file.write_text(str(server.pid))
        if self._slow.exists():
            raise StoreUnavailableError("PostgreSQL does not start: it took too long")
        return "postgresql://fake"

    def is_running(self) -> bool:
        try:
            return psutil.Process(self._pid()).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def stop(self) -> None:
        if self.is_running():
            kill([psutil.Process(self._pid())])

    def _pid(self) -> int:
        return int(self._pid_file.read_text())


def main() -> int:
    settings = Settings()
    supervisor = Supervisor(
        settings,
        postgres=SleepingPostgres(settings.data_dir),
        prepare_database=lambda dsn: None,
        node_command=(sys.executable, str(Path(__file__).with_name("fake_node.py"))),
        timings=QUICK,
        tied_to_parent="--tied" in sys.argv[1:],
    )
    try:
        supervisor.run()
    except HeadraceError as error:
        print(error.message)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
