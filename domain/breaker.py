"""A circuit breaker: calls to what has failed often enough are refused for a while.

::

    closed ──failures in a row──▶ open ──recovery time──▶ half-open ──probe succeeds──▶ closed
                                  │ ▲                         │                           ▲
                                  │ └──────probe fails────────┘                           │
                                  └──────────────────a ping is answered───────────────────┘

Half-open lets one call through, the probe, and refuses all others until it has ended. A ping that
is answered before the recovery time is over is as good as a probe, as long as calls bear it out: a
breaker that opens again before any has succeeded waits out its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from domain.ports.clock import Clock

Ticket = NewType("Ticket", int)
"""Permission for one call, to be handed back with what became of it."""


class BreakerState(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """Opens after ``failure_threshold`` failures in a row, for ``recovery_seconds``."""

    failure_threshold: int = 5
    recovery_seconds: float = 60.0


class Breaker:
    """The state for one dependency. Not safe for concurrent use by threads.

    A ticket belongs to the state in which it was given: what a call tells that began before the
    breaker opened, or before its probe began, changes nothing.
    """

    def __init__(self, rule: BreakerRule, clock: Clock) -> None:
        self._rule = rule
        self._clock = clock
        self._ticket = Ticket(0)
        self._failures = 0
        self._open_until: float | None = None
        self._probe_until: float | None = None
        self._heeds_pings = True
        self.trips = 0
        """How often it has opened."""

    @property
    def state(self) -> BreakerState:
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.seconds_left > 0 else BreakerState.HALF_OPEN

    @property
    def failures(self) -> int:
        """Failures in a row, as far as they are known here."""
        return self._failures

    @property
    def seconds_left(self) -> float:
        """How long it stays open; 0 when it is not."""
        if self._open_until is None:
            return 0.0
        return max(0.0, self._open_until - self._clock.monotonic())

    @property
    def is_admitting(self) -> bool:
        """Whether a call would be let through now."""
        match self.state:
            case BreakerState.CLOSED:
                return True
            case BreakerState.OPEN:
                return False
            case BreakerState.HALF_OPEN:
                return self._probe_until is None or self._clock.monotonic() >= self._probe_until

    def admit(self) -> Ticket | None:
        """A ticket for a call, or ``None`` when it must not be made.

        A probe of which nothing was heard for the recovery time makes way for another.
        """
        if not self.is_admitting:
            return None
        if self._open_until is not None:
            self._probe_until = self._clock.monotonic() + self._rule.recovery_seconds
            self._next_ticket()
        return self._ticket

    def succeeded(self, ticket: Ticket) -> bool:
        """The dependency has answered. Returns whether this closed the breaker."""
        if ticket != self._ticket:
            return False
        self._heeds_pings = True
        if self._probe_until is None:
            self._failures = 0
            return False
        self.close()
        return True

    def failed(self, ticket: Ticket) -> bool:
        """The dependency gave no answer. Returns whether this opened the breaker."""
        if ticket != self._ticket:
            return False
        self._failures += 1
        if self._probe_until is None and self._failures < self._rule.failure_threshold:
            return False
        self.open(self._rule.recovery_seconds)
        return True

    def abandoned(self, ticket: Ticket) -> None:
        """The call has ended without saying anything of the dependency (it was cancelled)."""
        if ticket == self._ticket:
            self._probe_until = None

    def ping_answered(self) -> bool:
        """The dependency has answered a ping, which needs no ticket. Returns whether this closed
        the breaker.
        """
        if self.state is BreakerState.CLOSED or not self._heeds_pings:
            return False
        self._heeds_pings = False
        self.close()
        return True

    def open(self, seconds: float) -> None:
        """Be open for ``seconds`` from now, whatever went before."""
        self._open_until = self._clock.monotonic() + seconds
        self._probe_until = None
        self.trips += 1
        self._next_ticket()

    def close(self) -> None:
        """Let all calls through."""
        self._open_until = self._probe_until = None
        self._failures = 0
        self._next_ticket()

    def _next_ticket(self) -> None:
        self._ticket = Ticket(self._ticket + 1)
