"""Ending processes and all that descends from them, and nothing else."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable

import psutil

from serve_app.run_state import RunDirectory

PR_SET_CHILD_SUBREAPER = 36
KILL_SECONDS = 5.0
WAIT_STEP_SECONDS = 0.02


def adopt_orphans() -> None:
    """Let descendants whose parents die become this process's children (Linux only).

    So what a killed node leaves behind can still be found, and ended.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(*, except_pid: int | None) -> None:
    """Collect adopted children that have ended; ``except_pid`` is left to its own waiter."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == except_pid:
            return
        os.waitpid(ended.si_pid, 0)


def family_of(process: psutil.Process) -> list[psutil.Process]:
    """The process and its live descendants."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def named(processes: Iterable[psutil.Process]) -> dict[str, int]:
    """The pids of those that still run, by name and pid."""
    pids = {}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            pids[f"{process.name()}-{process.pid}"] = process.pid
    return pids


def terminate(process: psutil.Process, *, grace_seconds: float) -> None:
    """Ask a process to end (SIGTERM) and wait; one that does not is left running."""
    try:
        process.send_signal(signal.SIGTERM)
    except psutil.NoSuchProcess:
        return
    _wait_for_end([process], timeout_seconds=grace_seconds)


def kill(processes: Iterable[psutil.Process]) -> int:
    """End processes at once and wait until they are gone; returns how many were still there."""
    victims = []
    for process in processes:
        try:
            if not has_ended(process):
                process.kill()
                victims.append(process)
        except psutil.NoSuchProcess:
            continue
    _wait_for_end(victims, timeout_seconds=KILL_SECONDS)
    return len(victims)


def has_ended(process: psutil.Process) -> bool:
    """Whether a process is gone; a zombie that its parent is slow to collect counts as gone."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait_for_end(processes: Iterable[psutil.Process], *, timeout_seconds: float) -> None:
    # Not ``psutil.wait_procs``: it waits for zombies, which in a container nobody may collect.
    deadline = time.monotonic() + timeout_seconds
    left = list(processes)
    while left := [process for process in left if not has_ended(process)]:
        if time.monotonic() > deadline:
            return
        time.sleep(WAIT_STEP_SECONDS)


def is_postgres(process: psutil.Process) -> bool:
    """Whether this is a PostgreSQL server or one of its backends."""
    try:
        return str(process.name()).startswith("postgres")
    except psutil.NoSuchProcess:
        return False


def stop_leftovers(run_dir: RunDirectory, *, grace_seconds: float = 20.0) -> int:
    """End a node that outlived its supervisor, and what either has written down as its own.

    Returns how many processes had to be ended.
    """
    state = run_dir.read()
    node = state.node.find() if state and state.node else None
    family = family_of(node) if node else []
    named = [member for process in run_dir.node_processes() for member in family_of(process)]
    if node:
        terminate(node, grace_seconds=grace_seconds)
    return bool(node) + kill({*family, *named} - {node} if node else named)
