"""One circuit breaker for each dependency of a process, and retries of what may be repeated.

A breaker counts only that its dependency gave no answer (``ERROR_OF``); an answer that a caller
dislikes, such as ``NotFoundError``, is an answer. While it is open, calls end within microseconds
in the same error, which then says ``retry_after_seconds``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import TypeVar

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from actors.settings import BreakerSettings, RetrySettings
from domain.breaker import Breaker, BreakerRule, BreakerState, Ticket
from domain.errors import (
    CacheUnavailableError,
    EmbedderUnavailableError,
    HeadraceError,
    IndexUnavailableError,
    ObjectStoreUnavailableError,
    OverloadedError,
    RetryableError,
    StoreUnavailableError,
)
from domain.ports.clock import Clock

log = structlog.get_logger(__name__)

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
Ping = Callable[[], Awaitable[None]]

PROBE_SECONDS = 1.0
"""When callers may come back that were refused because a probe is under way."""

HEARSAY_SECONDS = 1.0
"""News that would keep a breaker open for no longer than this beyond its own time is old."""

POLL_SECONDS = 0.1


class Dependency(StrEnum):
    """What this system calls outside of its processes.

    Writing to the index fails for reasons of its own (a full disk, no permission), which are no
    reason to search it no more; so it has a breaker of its own.
    """

    POSTGRES = "postgres"
    INDEX = "index"
    INDEX_WRITES = "index_writes"
    OBJECTS = "objects"
    CACHE = "cache"
    EMBEDDER = "embedder"


SHARED = frozenset(Dependency) - {Dependency.EMBEDDER}
"""What is the same for all processes. Each process loads a model of its own."""

TITLE_OF = {
    Dependency.POSTGRES: "the metadata store",
    Dependency.INDEX: "the search index",
    Dependency.INDEX_WRITES: "writing to the search index",
    Dependency.OBJECTS: "the object store",
    Dependency.CACHE: "the cache",
    Dependency.EMBEDDER: "the embedding model",
}

ERROR_OF: Mapping[Dependency, type[RetryableError]] = {
    Dependency.POSTGRES: StoreUnavailableError,
    Dependency.INDEX: IndexUnavailableError,
    Dependency.INDEX_WRITES: IndexUnavailableError,
    Dependency.OBJECTS: ObjectStoreUnavailableError,
    Dependency.CACHE: CacheUnavailableError,
    Dependency.EMBEDDER: EmbedderUnavailableError,
}


@dataclass(frozen=True, slots=True)
class GateStatus:
    """What a process knows of a dependency. Counts are since the process began."""

    state: BreakerState
    failures: int
    """Failures in a row."""
    trips: int
    refusals: int
    retries: int
    seconds_left: float
    """How long the breaker stays open."""
    reason: str | None = None
    """The error that opened it; ``None`` once it has closed."""


class Retries:
    """Repeats calls that end in errors which may pass: full jitter, an end, servers' wishes."""

    def __init__(self, settings: RetrySettings, *, sleep: Sleep = asyncio.sleep) -> None:
        self._settings = settings
        self._sleep = sleep
        self._jitter = wait_random_exponential(
            multiplier=settings.first_delay_seconds,
            exp_base=settings.backoff_factor,
            max=settings.max_delay_seconds,
        )

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        on: tuple[type[RetryableError], ...],
        before_repeat: Callable[[], None],
    ) -> T:
        """Make the call, at most ``max_attempts`` times; raises what the last attempt raised."""
        try:
            return await attempt()
        except on as error:
            if not self._may_pass(error):
                raise
            failed = [error]

        # Only now: tenacity takes 0.2 ms, which a call that succeeds should not wait (measured).
        async def first_or_next() -> T:
            if failed:
                raise failed.pop()
            return await attempt()

        attempts = AsyncRetrying(
            stop=stop_after_attempt(self._settings.max_attempts),
            wait=self._delay,
            retry=retry_if_exception(lambda error: isinstance(error, on) and self._may_pass(error)),
            before_sleep=lambda state: before_repeat(),
            sleep=self._sleep,
            reraise=True,
        )
        return await attempts(first_or_next)

    def _may_pass(self, error: RetryableError) -> bool:
        is_refusal = "breaker" in error.details
        return not is_refusal and asked_delay(error) <= self._settings.max_delay_seconds

    def _delay(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = asked_delay(error) if isinstance(error, RetryableError) else 0.0
        return max(asked, self._jitter(state))


def asked_delay(error: RetryableError) -> float:
    """Seconds that whoever raised the error wants to be left alone; 0 where it does not say."""
    return float(error.details.get("retry_after_seconds", 0.0))


class Gate:
    """What every call to one dependency passes. Safe for use by several threads."""

    def __init__(
        self,
        dependency: Dependency,
        breaker: Breaker,
        retries: Retries,
        on_change: Callable[[Dependency], None],
    ) -> None:
        self.dependency = dependency
        self._breaker = breaker
        self._retries = retries
        self._on_change = on_change
        self._lock = Lock()
        self._unavailable = ERROR_OF[dependency]
        self._refusals = 0
        self._repeats = 0
        self._reason: str | None = None
        self.ping: Ping | None = None
        """Asks whether the dependency is there. Without one an open breaker waits for its time."""

    def status(self) -> GateStatus:
        with self._lock:
            breaker = self._breaker
            return GateStatus(
                breaker.state,
                breaker.failures,
                breaker.trips,
                self._refusals,
                self._repeats,
                breaker.seconds_left,
                None if breaker.state is BreakerState.CLOSED else self._reason,
            )

    @property
    def state(self) -> BreakerState:
        return self._breaker.state

    @property
    def is_admitting(self) -> bool:
        return self._breaker.is_admitting

    @contextmanager
    def calling(self) -> Iterator[Ticket]:
        """One call to the dependency, made inside the block.

        Raises:
            RetryableError: the dependency's own kind; the breaker is open and no call is made.
        """
        ticket = self._admit()
        try:
            yield ticket
        except BaseException as error:
            self.note_error(ticket, error)
            raise
        self._note_answer(ticket)

    async def repeating(self, call: Callable[[], Awaitable[T]]) -> T:
        """A call that may be made twice: repeated while it may help."""

        async def attempt() -> T:
            with self.calling():
                return await call()

        kinds = (self._unavailable, OverloadedError)
        return await self._retries.run(attempt, on=kinds, before_repeat=self._note_repeat)

    def note_error(self, ticket: Ticket, error: BaseException) -> None:
        """Let the breaker know in what a call has ended."""
        if isinstance(error, self._unavailable) and "breaker" not in error.details:
            self._note_failure(ticket, error)
        elif isinstance(error, HeadraceError) and not isinstance(error, RetryableError):
            self._note_answer(ticket)
        else:
            with self._lock:
                self._breaker.abandoned(ticket)

    def no_answer_in(self, seconds: float) -> RetryableError:
        return self._unavailable(f"{TITLE_OF[self.dependency]} gave no answer in {seconds:g} s")

    def note_ping(self) -> None:
        """The dependency has answered a ping.

        No other process is told: each pings for itself, and trusts pings as far as its own calls
        bear them out.
        """
        with self._lock:
            closed = self._breaker.ping_answered()
        if closed:
            log.info("breaker_closed", dependency=self.dependency, by="a ping")

    def hear_open(self, seconds: float, reason: str | None = None) -> None:
        """Another process has found the dependency away: leave it alone for so long, too."""
        with self._lock:
            if self._breaker.seconds_left >= seconds - HEARSAY_SECONDS:
                return
            self._breaker.open(seconds)
            self._reason = reason
        log.warning("breaker_opened", dependency=self.dependency, by="another process")

    def hear_closed(self) -> None:
        """Another process has had an answer again."""
        with self._lock:
            if self._breaker.state is BreakerState.CLOSED:
                return
            self._breaker.close()
        log.info("breaker_closed", dependency=self.dependency, by="another process")

    def _admit(self) -> Ticket:
        with self._lock:
            ticket = self._breaker.admit()
            if ticket is None:
                self._refusals += 1
                raise self._refusal()
            return ticket

    def _refusal(self) -> RetryableError:
        seconds = self._breaker.seconds_left or PROBE_SECONDS
        return self._unavailable(
            f"{TITLE_OF[self.dependency]} gave no answer several times and is left alone; "
            f"try again in {seconds:.0f} s",
            dependency=self.dependency.value,
            breaker=self._breaker.state.value,
            retry_after_seconds=seconds,
        )

    def _note_failure(self, ticket: Ticket, error: RetryableError) -> None:
        with self._lock:
            opened = self._breaker.failed(ticket)
            if opened:
                self._reason = error.message
        if opened:
            log.warning("breaker_opened", dependency=self.dependency, error=error.message)
            self._on_change(self.dependency)

    def _note_answer(self, ticket: Ticket) -> None:
        with self._lock:
            closed = self._breaker.succeeded(ticket)
        if closed:
            log.info("breaker_closed", dependency=self.dependency)
            self._on_change(self.dependency)

    def _note_repeat(self) -> None:
        self._repeats += 1


class Breakers:
    """The gates of one process, by dependency."""

    def __init__(
        self,
        clock: Clock,
        breaker: BreakerSettings | None = None,
        retry: RetrySettings | None = None,
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        breaker = breaker or BreakerSettings()
        rule = BreakerRule(breaker.failure_threshold, breaker.recovery_seconds)
        retries = Retries(retry or RetrySettings(), sleep=sleep)
        self.on_change: Callable[[Dependency], None] = lambda dependency: None
        """Told of each breaker that opens or closes by what this process itself has seen."""
        self._gates = {
            one: Gate(one, Breaker(rule, clock), retries, self._changed) for one in Dependency
        }

    def __getitem__(self, dependency: Dependency) -> Gate:
        return self._gates[dependency]

    def statuses(self) -> dict[Dependency, GateStatus]:
        return {dependency: gate.status() for dependency, gate in self._gates.items()}

    def unavailable(self, *dependencies: Dependency) -> tuple[str, ...]:
        """Those of the dependencies that are not known to answer."""
        return tuple(
            one.value for one in dependencies if self[one].state is not BreakerState.CLOSED
        )

    async def admitting(self, *dependencies: Dependency) -> None:
        """Return as soon as all of the dependencies may be called; usually at once."""
        # Polled, since a breaker becomes half-open by time alone.
        while not all(self[one].is_admitting for one in dependencies):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    def _changed(self, dependency: Dependency) -> None:
        self.on_change(dependency)
