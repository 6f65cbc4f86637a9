"""Looking after a server, as an init system does."""

from __future__ import annotations

import threading
from collections.abc import Callable

KEEP_SECONDS = 0.5


class Keeper:
    """Calls ``look_after`` twice a second, from a thread of its own."""

    def __init__(self, look_after: Callable[[], None]) -> None:
        self._look_after = look_after
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when it looks after nothing any more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(KEEP_SECONDS):
            self._look_after()
