"""What an earlier node of the same data directory left running, found by a mark only it has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil

from serve_app.process_tree import kill
from serve_app.ray_environment import TOKEN_PATH_VARIABLE

SESSIONS_KEPT = 1
"""Ray makes a folder of logs at each start; the last one may explain a crash."""


def find_leftovers(token_file: Path) -> list[psutil.Process]:
    """Processes of ours that carry the instance's mark, this one and its descendants left out.

    After ``kill -9`` Ray's own processes end by themselves sooner or later, but HAProxy stays and
    holds the public port.
    """
    ours = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in ours and _mark_of(process) == str(token_file)
    ]


def _mark_of(process: psutil.Process) -> str | None:
    try:
        if process.uids().real != os.getuid():
            return None
        mark: str | None = process.environ().get(TOKEN_PATH_VARIABLE)
    except (psutil.Error, OSError):
        return None
    return mark


def end_leftovers(token_file: Path) -> int:
    """Kill them and wait until they are gone; returns how many there were."""
    return kill(find_leftovers(token_file))


def remove_old_sessions(temp_dir: Path) -> None:
    """Delete the log folders of all Ray sessions but the newest. Only when none is running."""
    sessions = sorted(
        path for path in temp_dir.glob("session_2*") if path.is_dir() and not path.is_symlink()
    )
    for session in sessions[:-SESSIONS_KEPT]:
        shutil.rmtree(session, ignore_errors=True)
