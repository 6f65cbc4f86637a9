"""Patience with a service that restarts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from serve_app.client import ServiceUnreachable

OUTAGE_SECONDS = 120.0

T = TypeVar("T")


class Outage:
    """Bridges the time that a service needs to come back, once it was there."""

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._was_there = threading.Event()
        self._sleep = sleep

    def bridge(self, call: Callable[[], T]) -> T:
        """The call's result. Raises ``ServiceUnreachable`` if it was never there, or stays away."""
        deadline = time.monotonic() + OUTAGE_SECONDS
        while True:
            try:
                result = call()
            except ServiceUnreachable:
                if not self._was_there.is_set() or time.monotonic() > deadline:
                    raise
                self._sleep(1.0)
            else:
                self._was_there.set()
                return result
