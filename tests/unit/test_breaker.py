"""The circuit breaker as a state machine, on a clock that the test owns."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from actors.adapters.memory.clock import FakeClock
from domain.breaker import Breaker, BreakerRule, BreakerState, Ticket

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN
THRESHOLD, RECOVERY = 5, 60.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(BreakerRule(), clock)


@pytest.fixture
def opened(breaker: Breaker) -> Breaker:
    fail(breaker, times=THRESHOLD)
    return breaker


@pytest.fixture
def half_open(opened: Breaker, clock: FakeClock) -> Breaker:
    clock.advance(RECOVERY)
    return opened


def admitted(breaker: Breaker) -> Ticket:
    ticket = breaker.admit()
    assert ticket is not None
    return ticket


def fail(breaker: Breaker, *, times: int = 1) -> list[bool]:
    return [breaker.failed(admitted(breaker)) for _ in range(times)]


def test_the_rule_is_that_of_the_specification() -> None:
    assert BreakerRule() == BreakerRule(failure_threshold=5, recovery_seconds=60.0)


def test_it_opens_with_the_fifth_failure_in_a_row(breaker: Breaker) -> None:
    assert fail(breaker, times=5) == [False, False, False, False, True]
    assert (breaker.state, breaker.trips, breaker.failures) == (OPEN, 1, 5)


def test_an_answer_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, times=4)
    breaker.succeeded(admitted(breaker))
    fail(breaker, times=4)
    assert breaker.state is CLOSED


def test_an_open_one_lets_nothing_through(opened: Breaker) -> None:
    assert opened.admit() is None
    assert (opened.is_admitting, opened.seconds_left) == (False, RECOVERY)


def test_it_is_half_open_after_the_recovery_time(opened: Breaker, clock: FakeClock) -> None:
    clock.advance(RECOVERY - 0.1)
    assert opened.state is OPEN
    clock.advance(0.1)
    assert (opened.state, opened.seconds_left) == (HALF_OPEN, 0.0)


def test_half_open_lets_one_call_through(half_open: Breaker) -> None:
    assert half_open.admit() is not None
    assert half_open.admit() is None


def test_a_probe_that_succeeds_closes_it(half_open: Breaker) -> None:
    assert half_open.succeeded(admitted(half_open))
    assert (half_open.state, half_open.failures, half_open.seconds_left) == (CLOSED, 0, 0.0)


def test_a_probe_that_fails_opens_it_again(half_open: Breaker) -> None:
    assert fail(half_open) == [True]
    assert (half_open.state, half_open.seconds_left, half_open.trips) == (OPEN, RECOVERY, 2)


def test_a_probe_that_is_given_up_makes_way_for_another(half_open: Breaker) -> None:
    half_open.abandoned(admitted(half_open))
    assert half_open.state is HALF_OPEN
    assert half_open.admit() is not None


def test_a_probe_of_which_nothing_is_heard_makes_way_for_another(
    half_open: Breaker, clock: FakeClock
) -> None:
    lost = admitted(half_open)
    clock.advance(RECOVERY)
    second = admitted(half_open)
    assert not half_open.succeeded(lost)
    assert half_open.succeeded(second)


def test_a_ping_that_is_answered_closes_it_before_its_time(opened: Breaker) -> None:
    assert opened.ping_answered()
    assert (opened.state, opened.failures, opened.seconds_left) == (CLOSED, 0, 0.0)


def test_pings_that_no_call_has_borne_out_do_not_close_it_again(
    opened: Breaker, clock: FakeClock
) -> None:
    opened.ping_answered()
    fail(opened, times=THRESHOLD)
    assert not opened.ping_answered()
    assert (opened.state, opened.seconds_left) == (OPEN, RECOVERY)
    clock.advance(RECOVERY)
    assert not opened.ping_answered()
    assert opened.state is HALF_OPEN
    opened.succeeded(admitted(opened))
    assert opened.state is CLOSED


def test_a_call_that_succeeds_bears_pings_out(opened: Breaker) -> None:
    opened.ping_answered()
    opened.succeeded(admitted(opened))
    fail(opened, times=THRESHOLD)
    assert opened.ping_answered()


def test_a_ping_changes_nothing_where_all_is_well(breaker: Breaker) -> None:
    fail(breaker, times=4)
    assert not breaker.ping_answered()
    assert breaker.failures == 4


def test_a_late_answer_from_before_does_not_close_it(breaker: Breaker) -> None:
    slow = admitted(breaker)
    fail(breaker, times=THRESHOLD)
    assert not breaker.succeeded(slow)
    assert breaker.state is OPEN


def test_a_late_failure_from_before_is_not_the_probes(breaker: Breaker, clock: FakeClock) -> None:
    slow = admitted(breaker)
    fail(breaker, times=THRESHOLD)
    clock.advance(RECOVERY)
    probe = admitted(breaker)
    assert not breaker.failed(slow)
    assert breaker.succeeded(probe)


def test_a_call_given_up_while_closed_changes_nothing(breaker: Breaker) -> None:
    fail(breaker, times=4)
    breaker.abandoned(admitted(breaker))
    assert (breaker.state, breaker.failures) == (CLOSED, 4)


def test_it_can_be_opened_for_a_time_that_others_name(breaker: Breaker, clock: FakeClock) -> None:
    breaker.open(10.0)
    assert (breaker.state, breaker.seconds_left) == (OPEN, 10.0)
    clock.advance(10.0)
    assert breaker.state is HALF_OPEN


class Calls(RuleBasedStateMachine):
    """Any calls in any order: never two probes, never a call while it is open."""

    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.breaker = Breaker(BreakerRule(failure_threshold=2, recovery_seconds=10.0), self.clock)
        self.probes: set[Ticket] = set()

    @rule(target=tickets)
    def call(self) -> object:
        before = self.breaker.state
        ticket = self.breaker.admit()
        if ticket is None:
            assert before is not CLOSED
            return multiple()
        assert before is not OPEN
        if before is HALF_OPEN:
            assert not self.probes
            self.probes = {ticket}
        return ticket

    @rule(ticket=tickets)
    def answer(self, ticket: Ticket) -> None:
        self.breaker.succeeded(ticket)
        self.probes.discard(ticket)

    @rule(ticket=tickets)
    def fail(self, ticket: Ticket) -> None:
        self.breaker.failed(ticket)
        self.probes.discard(ticket)

    @rule(ticket=tickets)
    def give_up(self, ticket: Ticket) -> None:
        self.breaker.abandoned(ticket)
        self.probes.discard(ticket)

    @rule(seconds=st.sampled_from([1.0, 5.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        # A probe may be lost; after its time another may come.
        self.probes.clear()

    @rule(seconds=st.sampled_from([1.0, 10.0]))
    def hear_open(self, seconds: float) -> None:
        self.breaker.open(seconds)
        self.probes.clear()

    @rule()
    def hear_closed(self) -> None:
        self.breaker.close()
        self.probes.clear()

    @rule()
    def answer_ping(self) -> None:
        if self.breaker.ping_answered():
            assert self.breaker.state is CLOSED
            self.probes.clear()

    @invariant()
    def only_an_open_one_has_time_left(self) -> None:
        assert (self.breaker.seconds_left > 0) == (self.breaker.state is OPEN)

    @invariant()
    def a_closed_one_has_fewer_failures_than_open_it(self) -> None:
        assert self.breaker.state is not CLOSED or self.breaker.failures < 2


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
