"""Gates: what counts, what is refused, what is made again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from actors.adapters.memory.clock import FakeClock
from actors.breakers import ERROR_OF, Breakers, Dependency, Gate
from actors.settings import BreakerSettings, RetrySettings
from domain.breaker import BreakerState
from domain.errors import (
    HeadraceError,
    IndexUnavailableError,
    NotFoundError,
    OverloadedError,
    StoreUnavailableError,
)

INDEX = Dependency.INDEX


class Sleeps:
    """Waits no time, and remembers for how long it was to wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Flaky:
    """Fails as often as there are errors, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return "answer"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
def breakers(clock: FakeClock, sleeps: Sleeps) -> Breakers:
    return Breakers(clock, sleep=sleeps)


@pytest.fixture
def gate(breakers: Breakers) -> Gate:
    return breakers[INDEX]


def fail(gate: Gate, error: BaseException | None = None, *, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(BaseException), gate.calling():  # noqa: B017 - whatever it is
            raise error or ERROR_OF[gate.dependency]("away")


def call(gate: Gate) -> None:
    with gate.calling():
        pass


def test_the_settings_are_those_of_the_specification() -> None:
    breaker, retry = BreakerSettings(), RetrySettings()
    assert (breaker.failure_threshold, breaker.recovery_seconds) == (5, 60)
    assert (retry.max_attempts, retry.backoff_factor, retry.max_delay_seconds) == (3, 2, 30)


@pytest.mark.parametrize("dependency", Dependency)
def test_an_open_breaker_refuses_in_the_words_of_its_dependency(
    breakers: Breakers, dependency: Dependency
) -> None:
    fail(breakers[dependency], times=5)
    with pytest.raises(ERROR_OF[dependency], match="try again in 60 s") as refused:
        call(breakers[dependency])
    assert refused.value.details == {
        "dependency": dependency.value,
        "breaker": "open",
        "retry_after_seconds": 60.0,
    }


@pytest.mark.parametrize(
    "error",
    [NotFoundError("no such thing"), OverloadedError("slow down"), StoreUnavailableError("other")],
    ids=lambda error: type(error).__name__,
)
def test_errors_that_are_not_its_dependencys_absence_do_not_count(
    gate: Gate, error: HeadraceError
) -> None:
    fail(gate, error, times=10)
    assert gate.state is BreakerState.CLOSED


def test_a_request_error_is_an_answer(gate: Gate) -> None:
    fail(gate, times=4)
    fail(gate, NotFoundError("no such thing"))
    assert gate.status().failures == 0


def test_a_refusal_of_another_process_does_not_count(gate: Gate) -> None:
    fail(gate, IndexUnavailableError("left alone", breaker="open"), times=10)
    assert gate.state is BreakerState.CLOSED


def test_a_cancelled_probe_makes_way_for_another(gate: Gate, clock: FakeClock) -> None:
    fail(gate, times=5)
    clock.advance(60)
    fail(gate, asyncio.CancelledError())
    call(gate)
    assert gate.state is BreakerState.CLOSED


def test_while_a_probe_is_under_way_others_come_back_soon(gate: Gate, clock: FakeClock) -> None:
    fail(gate, times=5)
    clock.advance(60)
    with gate.calling(), pytest.raises(IndexUnavailableError) as refused:
        call(gate)
    assert refused.value.details["retry_after_seconds"] == 1.0


def test_its_state_can_be_seen(gate: Gate) -> None:
    fail(gate, times=6)
    status = gate.status()
    assert (status.state, status.trips, status.refusals) == (BreakerState.OPEN, 1, 1)


async def test_a_call_that_fails_is_made_three_times(gate: Gate) -> None:
    flaky = Flaky(*[IndexUnavailableError("away")] * 5)
    with pytest.raises(IndexUnavailableError, match="away"):
        await gate.repeating(flaky)
    assert (flaky.calls, gate.status().retries, gate.status().failures) == (3, 2, 3)


async def test_a_call_that_fails_twice_is_answered(gate: Gate) -> None:
    flaky = Flaky(IndexUnavailableError("away"), OverloadedError("slow down"))
    assert await gate.repeating(flaky) == "answer"


async def test_waits_grow_by_the_factor_and_are_random(breakers: Breakers, sleeps: Sleeps) -> None:
    for _ in range(200):
        flaky = Flaky(IndexUnavailableError("away"), IndexUnavailableError("away"))
        await breakers[INDEX].repeating(flaky)
    first, second = sleeps.seconds[::2], sleeps.seconds[1::2]
    assert 0 <= min(first) < 0.05 < 0.15 < max(first) <= 0.2
    assert 0 <= min(second) < 0.1 < 0.3 < max(second) <= 0.4


async def test_a_servers_wish_is_honoured(gate: Gate, sleeps: Sleeps) -> None:
    await gate.repeating(Flaky(IndexUnavailableError("away", retry_after_seconds=7)))
    assert sleeps.seconds == [7]


@pytest.mark.parametrize(
    "error",
    [
        IndexUnavailableError("away", retry_after_seconds=31),
        IndexUnavailableError("left alone", breaker="open"),
        NotFoundError("no such thing"),
        StoreUnavailableError("other"),
        RuntimeError("a mistake"),
    ],
    ids=["too long to wait", "refused", "not found", "another dependency", "a mistake"],
)
async def test_what_would_not_help_is_not_repeated(gate: Gate, error: Exception) -> None:
    flaky = Flaky(error)
    with pytest.raises(type(error)):
        await gate.repeating(flaky)
    assert flaky.calls == 1


async def test_repeating_ends_when_the_breaker_opens(gate: Gate) -> None:
    fail(gate, times=4)
    flaky = Flaky(*[IndexUnavailableError("away")] * 5)
    with pytest.raises(IndexUnavailableError) as refused:
        await gate.repeating(flaky)
    assert (flaky.calls, refused.value.details["breaker"]) == (1, "open")


@pytest.mark.parametrize(
    ("hear", "state"),
    [
        (lambda gate: gate.hear_open(30.0), BreakerState.OPEN),
        (lambda gate: (gate.hear_open(30.0), gate.hear_closed()), BreakerState.CLOSED),
        (lambda gate: gate.hear_closed(), BreakerState.CLOSED),
    ],
    ids=["open", "open and closed", "closed"],
)
def test_what_others_found_out_holds_here(
    gate: Gate, hear: Callable[[Gate], object], state: BreakerState
) -> None:
    hear(gate)
    assert gate.state is state


def test_an_open_breaker_tells_the_error_that_opened_it_until_it_closes(
    gate: Gate, clock: FakeClock
) -> None:
    fail(gate, ERROR_OF[INDEX]("the disk is full: make room"), times=5)
    reasons = [gate.status().reason]
    clock.advance(60)
    reasons.append(gate.status().reason)
    call(gate)
    reasons.append(gate.status().reason)
    assert reasons == ["the disk is full: make room"] * 2 + [None]


def test_old_news_do_not_open_it_again(gate: Gate) -> None:
    fail(gate, times=5)
    gate.hear_open(59.0)
    assert gate.status().trips == 1


def test_what_this_process_has_seen_is_told_and_hearsay_is_not(
    breakers: Breakers, clock: FakeClock
) -> None:
    told: list[Dependency] = []
    breakers.on_change = told.append
    breakers[Dependency.CACHE].hear_open(10.0)
    fail(breakers[INDEX], times=5)
    clock.advance(60)
    call(breakers[INDEX])
    assert told == [INDEX, INDEX]


def test_what_is_away_is_named(breakers: Breakers) -> None:
    fail(breakers[INDEX], times=5)
    assert breakers.unavailable(Dependency.POSTGRES, INDEX) == ("index",)


async def test_whoever_waits_goes_on_when_all_may_be_called(
    breakers: Breakers, clock: FakeClock
) -> None:
    fail(breakers[INDEX], times=5)
    waiting = asyncio.create_task(breakers.admitting(Dependency.POSTGRES, INDEX))
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(60)
    await asyncio.wait_for(waiting, timeout=5)
