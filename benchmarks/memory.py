"""The memory of a whole service, by kind of process: Linux's proportional set size (PSS).

PSS counts a page that several processes share as a part for each of them, so that sums over
processes are what the service takes of the machine.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

from serve_app.process_tree import family_of
from serve_app.run_state import RunDirectory

REST = "Ray, Serve and the rest"
KINDS = (
    ("ray::ServeReplica", "API replica"),
    ("ray::IngestWorker", "import workers"),
    ("ray::IndexWriter", "index writer"),
    ("ray::Conductor", "conductor"),
    ("postgres", "PostgreSQL"),
    ("serve_app.", "supervisor and node"),
)
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def memory_by_kind(data_dir: Path) -> dict[str, int]:
    """Bytes of PSS by kind of process. A process that ends meanwhile counts nothing."""
    sums: Counter[str] = Counter()
    for process in service_processes(data_dir):
        with contextlib.suppress(psutil.Error, OSError):
            sums[kind_of(process.cmdline())] += pss_of(process.pid)
    return dict(sums)


def service_processes(data_dir: Path) -> Iterator[psutil.Process]:
    """The supervisor's family and PostgreSQL's, which may be one family, each process once."""
    roots = [_supervisor(data_dir), _postgres(data_dir)]
    families = [family_of(root) for root in roots if root]
    return iter({process.pid: process for family in families for process in family}.values())


def kind_of(command: list[str]) -> str:
    """What a process is for, by its command line: titles of Ray's workers are their first word."""
    program = command[0].rpartition("/")[2] if command else ""
    name = command[2] if command[1:2] == ["-m"] else program
    return next((kind for start, kind in KINDS if name.startswith(start)), REST)


def pss_of(pid: int) -> int:
    """Raises ``OSError`` where the process has ended or there is no such count."""
    return pss_in(Path(f"/proc/{pid}/smaps_rollup").read_text())


def pss_in(rollup: str) -> int:
    """Bytes, of the text of a ``smaps_rollup``; 0 of a process that is ending."""
    found = _PSS.search(rollup)
    return int(found[1]) * 1024 if found else 0


def _supervisor(data_dir: Path) -> psutil.Process | None:
    state = RunDirectory(data_dir).read()
    return state.supervisor.find() if state else None


def _postgres(data_dir: Path) -> psutil.Process | None:
    pid_file = data_dir / "postgres" / "cluster" / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
        return psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
    return None
