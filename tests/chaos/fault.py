"""What a fault is, and how processes are killed or stopped for a while."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from random import Random

import psutil

from tests.chaos.world import World

STALL_SECONDS = 3.0

Victims = Callable[[World], Sequence[psutil.Process]]
Strike = Callable[[World, Random], Sequence[str]]


class Where(StrEnum):
    """Which of the two arrangements of a run a fault needs."""

    EMBEDDED = "embedded"
    OUTSIDE = "outside"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Fault:
    """``weight`` is how often it is drawn beside the others.

    ``strike`` returns the ids of files that it has uploaded and that must end as ``failed``; it
    raises ``AssertionError`` where what the service did meanwhile was wrong. ``is_possible`` says
    whether there is anything to strike at this moment, ``is_had`` whether this machine and this
    run have what it strikes at all.
    """

    name: str
    weight: int
    strike: Strike
    is_possible: Callable[[World], bool] = lambda world: True
    where: Where = Where.ANYWHERE
    is_had: Callable[[World], bool] = lambda world: True


def parts(title: str) -> Victims:
    """The processes of the node whose title begins so."""
    return lambda world: world.parts(title)


def kill_one(victims: Victims) -> Strike:
    """Kill one of them, whichever."""

    def strike(world: World, random: Random) -> Sequence[str]:
        there = victims(world)
        return kill(random.sample(there, 1) if there else ())

    return strike


def kill_all(victims: Victims) -> Strike:
    return lambda world, random: kill(victims(world))


def kill(victims: Sequence[psutil.Process]) -> Sequence[str]:
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    return ()


def killed(name: str, weight: int, victims: Victims) -> Fault:
    return Fault(name, weight, kill_one(victims), lambda world: bool(victims(world)))


@contextmanager
def held(victims: Sequence[psutil.Process]) -> Iterator[None]:
    """Stop processes inside the block, as a machine does that swaps."""
    for process in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def stalled(name: str, weight: int, victims: Victims) -> Fault:
    def strike(world: World, random: Random) -> Sequence[str]:
        with held(victims(world)):
            time.sleep(STALL_SECONDS)
        return ()

    return Fault(
        f"{name} stalled for {STALL_SECONDS:g} s",
        weight,
        strike,
        lambda world: bool(victims(world)),
    )
