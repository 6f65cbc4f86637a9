"""Import workers as many as there is work for: whose turn it is, who starts, who rests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import ray
import structlog
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from domain.errors import WorkerDiedError, WorkerUnavailableError
from pipelines.ray_calls import worker_name

log = structlog.get_logger(__name__)

FILES_PER_WORKER = 4
"""Small files share index commits and keep the model busy while one of them is written."""

IDLE_SECONDS_BEFORE_REST = 30.0
"""A worker loads its model for seconds, so one that may be wanted soon is kept."""

LOOK_SECONDS = 5.0
SECONDS_AFTER_FAILURE = 10.0


@dataclass(frozen=True, slots=True)
class PoolSize:
    """At least ``least`` workers, which somebody else has started, and at most ``most``.

    One more is wanted when all have more than ``calls_each`` calls at a time.
    """

    least: int
    most: int
    calls_each: int = FILES_PER_WORKER


class WorkerPool:
    """Numbers of workers from 0. For one event loop.

    The first ``least`` are always there and share the work evenly; further ones get what these
    have no room for, so that they are idle, and end, when there is less of it.
    """

    def __init__(
        self,
        size: PoolSize,
        *,
        start: Callable[[int], Awaitable[None]],
        stop: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``start`` returns when the worker can be called; what it raises is logged."""
        self._size = size
        self._start = start
        self._stop = stop
        self._clock = clock
        self._calls = dict.fromkeys(range(size.least), 0)
        self._idle_since: dict[int, float] = {}
        self._not_before = 0.0
        self._starting: asyncio.Task[None] | None = None

    @property
    def workers(self) -> int:
        """How many may be called now."""
        return len(self._calls)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[int]:
        """The number of a worker that is called inside the block."""
        number = min(self._calls, key=self._rank)
        self._calls[number] += 1
        self._grow()
        try:
            yield number
        except (WorkerDiedError, WorkerUnavailableError):
            self._dismiss(number)
            raise
        finally:
            if number in self._calls:
                self._calls[number] = max(0, self._calls[number] - 1)
                self._idle_since[number] = self._clock()

    def _dismiss(self, number: int) -> None:
        """Do without a further worker, whose node may be gone; Ray brings back the first ones."""
        if number >= self._size.least and number in self._calls:
            self._end(number)

    def _rank(self, number: int) -> tuple[bool, bool, int]:
        calls = self._calls[number]
        return calls >= self._size.calls_each, number >= self._size.least, calls

    def _grow(self) -> None:
        is_full = sum(self._calls.values()) > self._size.calls_each * len(self._calls)
        is_allowed = len(self._calls) < self._size.most and self._clock() >= self._not_before
        if is_full and is_allowed and self._starting is None:
            free = next(n for n in range(self._size.most) if n not in self._calls)
            self._starting = asyncio.create_task(self._start_one(free))

    async def _start_one(self, number: int) -> None:
        try:
            await self._start(number)
        except Exception as error:
            self._not_before = self._clock() + SECONDS_AFTER_FAILURE
            log.warning("import_worker_not_started", number=number, error=str(error))
        else:
            self._calls[number] = 0
            self._idle_since[number] = self._clock()
            log.info("import_worker_started", number=number, workers=len(self._calls))
        finally:
            self._starting = None

    async def tend(self) -> None:
        """Let workers rest that are not needed; runs until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.rest()

    def rest(self) -> None:
        """End the further workers that nobody has called for a while."""
        latest = self._clock() - IDLE_SECONDS_BEFORE_REST
        further = [number for number in self._calls if number >= self._size.least]
        for number in further:
            if not self._calls[number] and self._idle_since[number] <= latest:
                self._end(number)

    def _end(self, number: int) -> None:
        del self._calls[number]
        self._stop(number)
        log.info("import_worker_ended", number=number, workers=len(self._calls))


class FurtherWorkers:
    """Worker actors that this process starts, each where the fewest are; they end with it."""

    def __init__(self, make: Callable[..., Any], *, on_first_node: int) -> None:
        """``make`` starts the actor of a name with Ray's options, and returns its handle, with
        which it lives. ``on_first_node`` workers are there already.
        """
        self._make = make
        self._on_first_node = on_first_node
        self._actors: dict[int, Any] = {}
        self._nodes: dict[int, str] = {}

    async def start(self, number: int) -> None:
        first, *others = await asyncio.to_thread(living_nodes)
        taken = [first] * self._on_first_node + list(self._nodes.values())
        node = emptiest([first, *others], taken)
        # Softly would be better, but then Ray puts it elsewhere though the node is there (2.60).
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        actor = self._make(worker_name(number), scheduling_strategy=there)
        try:
            await actor.ping.remote()
        except BaseException:
            ray.kill(actor)
            raise
        self._actors[number], self._nodes[number] = actor, node

    def stop(self, number: int) -> None:
        del self._nodes[number]
        ray.kill(self._actors.pop(number))


def living_nodes() -> list[str]:
    """Ids of Ray's nodes, that of this process, which is the first, before the others."""
    here = ray.get_runtime_context().get_node_id()
    alive = [str(node["NodeID"]) for node in ray.nodes() if node["Alive"]]
    return [here, *(node for node in alive if node != here)]


def emptiest(nodes: Sequence[str], taken: Sequence[str]) -> str:
    """The node that is named least often in ``taken``; of several the first."""
    return min(nodes, key=taken.count)
