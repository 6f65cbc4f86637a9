"""What is done to the stores: their network, their disks, their clock, Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from random import Random

from tests.chaos.fault import Fault, Strike, Where
from tests.chaos.load import rows_of, sent
from tests.chaos.outside import OutsideStores
from tests.chaos.world import World
from tests.redis_server import PrivateRedis

CUT_SECONDS = 3.0
SLOW_SECONDS, DELAY_SECONDS = 5.0, 0.2
REDIS_DELAY_SECONDS = 1.0
REDIS_AWAY_SECONDS = 2.0
FULL_SECONDS = 4.0
CLOCK_SECONDS = 3_600.0
CLOCK_MOVED_SECONDS = 5.0
FULL_STATUSES = (503, 507)

Bad = Callable[[OutsideStores], AbstractContextManager[None]]


def _stores(world: World) -> OutsideStores:
    assert world.stores is not None
    return world.stores


def _for_a_while(bad: Bad, seconds: float) -> Strike:
    def strike(world: World, random: Random) -> Sequence[str]:
        with bad(_stores(world)):
            time.sleep(seconds)
        return ()

    return strike


def _reset_postgres(world: World, random: Random) -> Sequence[str]:
    _stores(world).to_postgres.drop()
    return ()


def _kill_redis(world: World, random: Random) -> Sequence[str]:
    _stores(world).restart_redis(after_seconds=REDIS_AWAY_SECONDS)
    return ()


def _fill(name: str, meanwhile: Callable[[World, Random], None]) -> Strike:
    def strike(world: World, random: Random) -> Sequence[str]:
        with world.disks[name].full():
            end = time.monotonic() + FULL_SECONDS
            meanwhile(world, random)
            time.sleep(max(0.0, end - time.monotonic()))
        return ()

    return strike


def _upload_is_refused(world: World, random: Random) -> None:
    """With a sentence; and nothing of it is left, since the disk has no room for anything."""
    name = f"too-much-{random.randrange(10**9)}"
    answer = sent(world, f"{name}.ndjson", rows_of(name, 200))
    if answer is not None:
        assert answer.status_code in FULL_STATUSES, f"full disk: {answer.status_code}"
        assert answer.json().get("detail"), f"full disk: {answer.text}"


def _nothing(world: World, random: Random) -> None: ...


def _disk(name: str, title: str, meanwhile: Callable[[World, Random], None]) -> Fault:
    return Fault(
        f"{title} full for {FULL_SECONDS:g} s",
        2,
        _fill(name, meanwhile),
        lambda world: world.is_ready(),
        is_had=lambda world: name in world.disks and not (name == "index" and world.index_server),
    )


def _outside(name: str, weight: int, strike: Strike) -> Fault:
    return Fault(name, weight, strike, where=Where.OUTSIDE)


def _of_redis(name: str, weight: int, strike: Strike) -> Fault:
    return Fault(
        name,
        weight,
        strike,
        where=Where.OUTSIDE,
        is_had=lambda world: PrivateRedis.is_installed(),
    )


def _clock(name: str, seconds: float) -> Fault:
    return Fault(
        name,
        1,
        _for_a_while(lambda stores: stores.postgres.clock_moved(seconds), CLOCK_MOVED_SECONDS),
        where=Where.OUTSIDE,
        is_had=lambda world: world.can_move_clock,
    )


STORE_FAULTS = (
    _outside("connections to PostgreSQL reset", 2, _reset_postgres),
    _outside(
        f"no way to PostgreSQL for {CUT_SECONDS:g} s",
        2,
        _for_a_while(lambda stores: stores.to_postgres.cut(), CUT_SECONDS),
    ),
    _outside(
        f"PostgreSQL {DELAY_SECONDS:g} s farther away for {SLOW_SECONDS:g} s",
        2,
        _for_a_while(lambda stores: stores.to_postgres.slow(DELAY_SECONDS), SLOW_SECONDS),
    ),
    _of_redis(f"Redis killed, away for {REDIS_AWAY_SECONDS:g} s", 2, _kill_redis),
    _of_redis(
        f"no way to Redis for {CUT_SECONDS:g} s",
        1,
        _for_a_while(lambda stores: stores.to_redis.cut(), CUT_SECONDS),
    ),
    _of_redis(
        f"Redis {REDIS_DELAY_SECONDS:g} s farther away for {SLOW_SECONDS:g} s",
        1,
        _for_a_while(lambda stores: stores.to_redis.slow(REDIS_DELAY_SECONDS), SLOW_SECONDS),
    ),
    _disk("objects", "disk of files", _upload_is_refused),
    _disk("index", "disk of the index", _nothing),
    _clock("database's clock an hour ahead for 5 s", CLOCK_SECONDS),
    _clock("database's clock an hour behind for 5 s", -CLOCK_SECONDS),
)
