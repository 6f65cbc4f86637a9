"""What one process finds out about a dependency, told to all: the breaker hub and its gossip.

Each process's own breakers are the truth. The hub passes on who has opened or closed one; while
it is away, every process finds out for itself, and a hub that comes back is told anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import uuid4

import ray
import structlog

from actors.adapters.system_clock import SystemClock
from actors.breaker_pings import ping_what_is_away
from actors.breakers import SHARED, Breakers, Dependency
from actors.logging import configure_logging
from actors.namespace import NAMESPACE, ON_FIRST_NODE
from actors.settings import Settings
from domain.breaker import BreakerState
from domain.errors import WorkerUnavailableError
from domain.ports.clock import Clock

log = structlog.get_logger(__name__)

ACTOR_NAME = "breaker_hub"
WATCH_SECONDS = 20.0
CALL_SECONDS = 30.0
AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class News:
    """A process has seen a breaker open, for ``seconds_left`` more and why, or close."""

    dependency: Dependency
    is_open: bool
    seconds_left: float
    process: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come in what a hub has to say. Every hub counts from 0."""

    hub: str
    version: int


class BreakerHub(Protocol):
    """Passes news on. Every method may raise ``WorkerUnavailableError``: the hub is away."""

    async def tell(self, news: News) -> None: ...

    async def watch(self, seen: Place | None) -> tuple[Place, Sequence[News]]:
        """The latest news of each dependency that came after ``seen``; waits a while for some.

        Who has seen nothing of this hub is told at once what is open.
        """
        ...


class BreakerBoard:
    """The hub's content: the latest news of each dependency."""

    def __init__(self, clock: Clock, *, watch_seconds: float = WATCH_SECONDS) -> None:
        self._clock = clock
        self._watch_seconds = watch_seconds
        self._hub = uuid4().hex
        self._version = 0
        self._latest: dict[Dependency, tuple[int, float, News]] = {}
        self._told = asyncio.Condition()

    async def tell(self, news: News) -> None:
        async with self._told:
            self._version += 1
            told_at = self._clock.monotonic()
            self._latest[news.dependency] = (self._version, told_at, news)
            self._told.notify_all()

    async def watch(self, seen: Place | None) -> tuple[Place, Sequence[News]]:
        if seen is None or seen.hub != self._hub:
            return self._place(), [news for news in self._after(0) if news.is_open]
        async with self._told:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._watch_seconds * random.uniform(0.8, 1.2)):
                    await self._told.wait_for(lambda: self._version > seen.version)
        return self._place(), self._after(seen.version)

    def _place(self) -> Place:
        return Place(self._hub, self._version)

    def _after(self, version: int) -> list[News]:
        """What came after it, without breakers that must have become half-open meanwhile."""
        now = self._clock.monotonic()
        latest = [
            replace(news, seconds_left=news.seconds_left - (now - told_at))
            for number, told_at, news in self._latest.values()
            if number > version
        ]
        return [news for news in latest if news.seconds_left > 0 or not news.is_open]


class Gossip:
    """Keeps the breakers of one process and a hub of one mind."""

    def __init__(self, breakers: Breakers, hub: BreakerHub) -> None:
        self._breakers = breakers
        self._hub = hub
        self._process = f"{os.getpid()}-{uuid4().hex[:8]}"
        self._seen: Place | None = None
        self._untold: set[Dependency] = set()
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Tell and listen until cancelled; a hub that is away is tried again."""
        loop = asyncio.get_running_loop()
        # A breaker may change in a thread, and an event may only be set in its own loop.
        self._breakers.on_change = lambda dependency: _call_in(loop, self._note, dependency)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._tell_on())
                both.create_task(self._listen_on())
        finally:
            self._breakers.on_change = lambda dependency: None

    def _note(self, dependency: Dependency) -> None:
        if dependency in SHARED:
            self._untold.add(dependency)
            self._wanted.set()

    async def _tell_on(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            for dependency in sorted(self._untold):
                await self._tell(dependency)

    async def _tell(self, dependency: Dependency) -> None:
        """Tell how the breaker is by now; what cannot be told is told later."""
        gate = self._breakers[dependency].status()
        is_open = gate.state is BreakerState.OPEN
        self._untold.discard(dependency)
        if gate.state is BreakerState.HALF_OPEN:
            return
        try:
            await self._hub.tell(
                News(dependency, is_open, gate.seconds_left, self._process, gate.reason)
            )
        except WorkerUnavailableError as error:
            log.debug("breaker_not_told", dependency=dependency, error=error.message)
            await asyncio.sleep(_a_while())
            self._note(dependency)

    async def _listen_on(self) -> None:
        while True:
            try:
                place, news = await self._hub.watch(self._seen)
            except WorkerUnavailableError as error:
                log.debug("breaker_hub_away", error=error.message)
                await asyncio.sleep(_a_while())
                continue
            if self._seen is None or place.hub != self._seen.hub:
                self._tell_again()
            self._seen = place
            for one in news:
                self._hear(one)

    def _tell_again(self) -> None:
        """A new hub knows nothing of what is open."""
        for dependency, gate in self._breakers.statuses().items():
            if gate.state is BreakerState.OPEN:
                self._note(dependency)

    def _hear(self, news: News) -> None:
        if news.process == self._process:
            return
        gate = self._breakers[news.dependency]
        if news.is_open:
            gate.hear_open(news.seconds_left, news.reason)
        else:
            gate.hear_closed()


def _a_while() -> float:
    return AGAIN_SECONDS * random.uniform(0.5, 1.5)


def _call_in(loop: asyncio.AbstractEventLoop, note: Any, dependency: Dependency) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(note, dependency)


def start_gossip(breakers: Breakers, hub: BreakerHub | None = None) -> asyncio.Task[None]:
    """Gossip until the task is cancelled, with the cluster's hub unless another is given.

    What others or this process have found away is pinged meanwhile.
    """
    # In a context of its own: Serve cancels what was started in that of a request.
    return asyncio.create_task(
        _gossip_and_ping(breakers, hub or ActorHub()), context=contextvars.Context()
    )


async def _gossip_and_ping(breakers: Breakers, hub: BreakerHub) -> None:
    async with asyncio.TaskGroup() as both:
        both.create_task(Gossip(breakers, hub).run())
        both.create_task(ping_what_is_away(breakers))


@asynccontextmanager
async def gossiping(breakers: Breakers, hub: BreakerHub | None = None) -> AsyncIterator[None]:
    """Gossip inside the block."""
    task = start_gossip(breakers, hub)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@ray.remote(num_cpus=0, resources=ON_FIRST_NODE, max_restarts=-1, max_task_retries=0)
class BreakerHubActor:
    """Hosts a board. Nothing is missed when it dies: everybody tells it anew."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log)
        self._board = BreakerBoard(SystemClock())

    async def tell(self, news: News) -> None:
        await self._board.tell(news)

    async def watch(self, seen: Place | None) -> tuple[Place, Sequence[News]]:
        return await self._board.watch(seen)

    async def ping(self) -> int:
        """Process id, as proof of life."""
        return os.getpid()


class ActorHub:
    """``BreakerHub`` in any process: the named actor, looked up again after every failure."""

    def __init__(self) -> None:
        self._actor: Any = None

    async def tell(self, news: News) -> None:
        await self._call("tell", news)

    async def watch(self, seen: Place | None) -> tuple[Place, Sequence[News]]:
        answer: tuple[Place, Sequence[News]] = await self._call("watch", seen)
        return answer

    async def _call(self, method: str, *arguments: Any) -> Any:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                if self._actor is None:
                    # Asks Ray's control store, and blocks while that is away.
                    self._actor = await asyncio.to_thread(
                        ray.get_actor, ACTOR_NAME, namespace=NAMESPACE
                    )
                return await getattr(self._actor, method).remote(*arguments)
        except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
            self._actor = None
            raise WorkerUnavailableError("the breaker hub is away") from error
