"""A disk of its own for a directory, which can be full."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

ROOM_BYTES = 4 * 1024**3
TRIES = 50


class SmallDisk:
    """A tmpfs at ``directory``. Only root may mount; ``start`` raises ``PermissionError``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._one_at_a_time = Lock()

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            raise PermissionError("only root may mount")
        options = f"size={ROOM_BYTES},mode=0755"
        done = _mount("-t", "tmpfs", "-o", options, "tmpfs", str(self.directory))
        if done.returncode != 0:
            raise PermissionError(done.stderr.strip())

    def stop(self) -> None:
        """The disk is gone with all that is on it, as soon as nobody has it open."""
        subprocess.run(["umount", "--lazy", str(self.directory)], check=False)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not one page is free inside the block."""
        with self._one_at_a_time:
            self._shrink()
            try:
                yield
            finally:
                self._resize(ROOM_BYTES)

    def _shrink(self) -> None:
        """To what is used, which may grow between the look and the change."""
        for _ in range(TRIES):
            usage = os.statvfs(self.directory)
            if self._resize((usage.f_blocks - usage.f_bfree) * usage.f_frsize):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.directory} cannot be made full")

    def _resize(self, size_bytes: int) -> bool:
        return _mount("-o", f"remount,size={size_bytes}", str(self.directory)).returncode == 0


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
