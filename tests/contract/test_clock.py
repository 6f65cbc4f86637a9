"""What every clock does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actors.adapters.memory.clock import FakeClock
from actors.adapters.system_clock import SystemClock
from domain.ports.clock import Clock


@pytest.fixture(params=[SystemClock, FakeClock], ids=["system", "fake"])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_the_present_is_an_aware_utc_time(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_monotonic_time_never_goes_backwards(clock: Clock) -> None:
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_a_fake_clock_moves_both_times_when_told() -> None:
    clock = FakeClock()
    before = clock.now()
    clock.advance(90)
    assert (clock.now() - before, clock.monotonic()) == (timedelta(seconds=90), 90)


def test_a_fake_clock_refuses_to_go_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        FakeClock().advance(-1)
