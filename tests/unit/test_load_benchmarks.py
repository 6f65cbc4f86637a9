"""The arithmetic of the benchmarks of load, and the client that they load with."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from statistics import fmean, pvariance
from typing import Any

import pytest

from benchmarks import load_page, series_plots
from benchmarks.files_a_day import pace
from benchmarks.http_client import NO_ANSWER, Pool, parse_answer, request_bytes
from benchmarks.memory import REST, kind_of, pss_in
from benchmarks.mixed_load import Book, Mix, is_flat, latency_series, memory_series, results_of
from benchmarks.noop_server import Noop
from benchmarks.open_loop import Load, RateResult, highest_held, summary
from benchmarks.open_loop_client import Outcome, Plan, Run, carry_out
from benchmarks.quarters import quarters, windows
from benchmarks.queries import half_repeated
from benchmarks.reckoning import wrong_files
from benchmarks.schedule import due_times, on_schedule
from benchmarks.small_files import SmallFile, small_files
from domain.parsers.detection import detect
from tests.builders import records_in

LOAD = Load(rate=100, seconds=2, connections=4, schedule="even")
GET = request_bytes("GET", "/")


# When requests are due


def test_an_even_schedule_has_equal_gaps_and_ends_in_time() -> None:
    assert due_times("even", 4, 1) == [0.0, 0.25, 0.5, 0.75]


def test_a_poisson_schedule_has_all_its_requests_and_no_two_parts_alike() -> None:
    due = due_times("poisson", 200, 100, seed="a")
    seconds = Counter(int(one) for one in due)
    assert len(due) == 20_000
    assert due == sorted(due)
    # Of a Poisson process the count of a second varies as much as it is high.
    assert pvariance(seconds[second] for second in range(100)) == pytest.approx(200, rel=0.5)
    assert due == due_times("poisson", 200, 100, seed="a")


async def test_what_is_due_begins_though_the_first_has_not_ended() -> None:
    last_began = asyncio.Event()

    async def act(number: int, moment: float) -> None:
        if number == 0:
            await last_began.wait()
        if number == 2:
            last_began.set()

    async with asyncio.timeout(10):
        await on_schedule([0.0, 0.001, 0.002], act)


async def test_moments_are_those_of_the_schedule_and_not_those_of_the_start() -> None:
    moments: list[float] = []

    async def act(number: int, moment: float) -> None:
        moments.append(moment)

    await on_schedule([0.0, 0.01, 0.01], act)
    assert [one - moments[0] for one in moments] == pytest.approx([0.0, 0.01, 0.01])


# The client


@pytest.mark.parametrize("cut", [1, 20, 60, 1_000])
def test_an_answer_is_one_once_all_of_it_has_come(cut: int) -> None:
    whole = b"HTTP/1.1 429 Busy\r\nContent-Length: 4\r\nRetry-After: 2\r\n\r\nlong"
    answer = parse_answer(whole[:cut])
    if cut < len(whole):
        assert answer is None
    else:
        assert answer is not None
        assert (answer.status, answer.body, answer.retry_after_seconds) == (429, b"long", 2.0)


def test_an_answer_of_unknown_length_is_refused() -> None:
    with pytest.raises(ValueError, match="Content-Length"):
        parse_answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


class Closing(Noop):
    """Closes the connection behind each answer, without saying so."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        assert self._transport is not None
        self._transport.close()


class Silent(Noop):
    """Closes the connection instead of an answer."""

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.close()


OK = b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"cached":true,"degraded":true}'[:-1]


@asynccontextmanager
async def served_by(kind: type[Noop], answer: bytes = OK) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: kind(answer), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_connection_that_was_closed_is_opened_again_and_counted() -> None:
    async with served_by(Closing) as port, Pool(port, 1) as pool:
        # Whether a connection is closed already is known a moment later: asked until it was.
        async with asyncio.timeout(10):
            while pool.reopened < 2:
                answer = await pool.ask(GET)
    assert answer.status == 200


async def test_a_connection_that_breaks_is_an_answer_that_says_so() -> None:
    async with served_by(Silent) as port, Pool(port, 1) as pool:
        answer = await pool.ask(GET)
        assert (answer.status, answer.body) == (NO_ANSWER, b"connection closed")


async def test_a_plan_is_carried_out_with_one_outcome_for_each_request() -> None:
    async with served_by(Noop) as port:
        told = await carry_out(Plan(port, 2, [0.0, 0.0, 0.01], ["a", "b", "c"]))
    outcomes = [Outcome(*one) for one in told["outcomes"]]
    assert sorted(one.due for one in outcomes) == [0.0, 0.0, 0.01]
    assert {one.status for one in outcomes} == {200}
    assert all(one.latency_ms >= one.late_ms >= 0 for one in outcomes)


def test_every_other_question_was_asked_before() -> None:
    fresh = (f"fresh {number}" for number in range(50))
    texts = list(half_repeated(fresh, ["p", "q"], "seed"))
    assert texts[::2] == [f"fresh {number}" for number in range(50)]
    assert set(texts[1::2]) == {"p", "q"}


# What an open loop comes to


def outcome(latency_ms: float = 10.0, status: int = 200, **said: Any) -> Outcome:
    return Outcome(
        **(
            {"due": 0.0, "late_ms": 0.5, "is_cached": False, "is_degraded": False}
            | {"latency_ms": latency_ms, "status": status}
            | said
        )
    )


def result_of(*outcomes: Outcome, load: Load = LOAD) -> RateResult:
    return summary(load, Run(outcomes, seconds=2.0, cpu_seconds=0.001, reopened=0))


def test_percentiles_count_from_when_a_request_was_due_and_errors_beside_them() -> None:
    result = result_of(*(outcome(float(ms)) for ms in range(1, 101)), outcome(1.0, 429))
    assert (result.p50_ms, result.p95_ms, result.max_ms) == (50.0, 95.0, 100.0)
    assert (result.achieved_rate, result.errors, result.holds) == (50.0, {"429": 1}, False)


def test_shares_are_of_what_was_answered() -> None:
    result = result_of(outcome(is_cached=True), outcome(is_degraded=True), outcome(status=0))
    assert (result.cached_share, result.degraded) == (0.5, 1)
    assert result.errors == {"no answer": 1}
    assert result.client_cpu_us == pytest.approx(1_000 / 3)


def test_a_rate_at_which_nothing_was_answered_does_not_hold() -> None:
    result = result_of(outcome(status=503))
    assert (result.p95_ms, result.max_ms, result.holds) == (None, None, False)


@pytest.mark.parametrize(
    ("p95s", "highest"),
    [
        pytest.param([10, 90, 100], 3.0, id="all"),
        pytest.param([10, 101, 20], 1.0, id="a-later-one-does-not-count"),
        pytest.param([101, 20, 20], None, id="none"),
    ],
)
def test_the_highest_rate_is_the_last_before_one_that_is_too_slow(
    p95s: list[float], highest: float | None
) -> None:
    rungs = [
        result_of(outcome(p95), load=Load(number, 2, 4, "even"))
        for number, p95 in enumerate(p95s, start=1)
    ]
    assert highest_held(rungs) == highest


# Quarters and windows


def test_the_last_quarter_is_compared_with_the_second() -> None:
    values = [(float(second), float(second // 10)) for second in range(40)]
    compared = quarters(values, 40, fmean)
    assert (compared.second, compared.last) == (1.0, 3.0)


def test_a_quarter_without_values_is_an_error() -> None:
    with pytest.raises(ValueError, match="quarter"):
        quarters([(35.0, 1.0)], 40, fmean)


def test_windows_hold_what_was_seen_in_them() -> None:
    assert windows([(61.0, 3.0), (0.0, 1.0), (59.9, 2.0)], 60) == {0.0: [1.0, 2.0], 60.0: [3.0]}


# Memory


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["ray::ServeReplica:headrace:Api.initialize"], "API replica"),
        (["ray::IngestWorkerActor"], "import workers"),
        (["postgres: headrace headrace [local] idle"], "PostgreSQL"),
        (["/x/bin/postgres", "-D", "/d"], "PostgreSQL"),
        (["/x/bin/python", "-m", "serve_app.node"], "supervisor and node"),
        (["/x/raylet", "--store=/s"], REST),
        (["ray::IDLE"], REST),
        ([], REST),
    ],
)
def test_processes_are_known_by_their_command_lines(command: list[str], kind: str) -> None:
    assert kind_of(command) == kind


def test_pss_is_read_in_bytes_and_not_mistaken_for_its_parts() -> None:
    rollup = "00-ff ---p [rollup]\nRss:  900 kB\nPss:   12 kB\nPss_Anon: 7 kB\n"
    assert (pss_in(rollup), pss_in("")) == (12 * 1024, 0)


# Mixed load


def a_book(*, growth: float = 1.0) -> Book:
    """Forty seconds; in the last quarter memory is ``growth`` times what it was before."""
    book = Book(accepted={"a": 5}, deleted={"a"})
    for second in range(40):
        factor = growth if second >= 30 else 1.0
        book.memory.append((float(second), {"PostgreSQL": int(1e6 * factor), REST: 1_000_000}))
        book.latencies.append((float(second), 20.0))
    return book


MIX = Mix(texts=1, seconds=40, query_rate=1, upload_seconds=1, live_files=1, sample_seconds=1)


@pytest.mark.parametrize(("growth", "flat"), [(1.0, True), (1.08, True), (1.2, False), (0.5, True)])
def test_memory_is_flat_within_five_percent_of_the_whole(growth: float, flat: bool) -> None:
    results = results_of(MIX, a_book(growth=growth), "m", [])
    assert is_flat(results) is flat
    assert results["memory_mb"]["PostgreSQL"]["last"] == pytest.approx(growth)


def test_latency_that_rises_is_not_flat() -> None:
    book = a_book()
    book.latencies = [(at, ms * (1.2 if at >= 30 else 1)) for at, ms in book.latencies]
    assert not is_flat(results_of(MIX, book, "m", []))


# Reckoning


def a_file(**fields: Any) -> dict[str, Any]:
    ledger = {"read": 5, "indexed": 5, "unchanged": 0, "dropped": {}, "failed": 0}
    return {"filename": "a", "status": "completed", "error": None, "ledger": ledger} | fields


@pytest.mark.parametrize(
    ("files", "deleted", "says"),
    [
        pytest.param({"a": a_file()}, set(), None, id="as-it-should-be"),
        pytest.param({}, {"a"}, None, id="deleted-and-gone"),
        pytest.param({}, set(), "not known", id="lost"),
        pytest.param({"a": a_file()}, {"a"}, "not expected", id="deleted-and-there"),
        pytest.param({"a": a_file(), "b": a_file()}, set(), "not expected", id="out-of-nowhere"),
        pytest.param({"a": a_file(status="indexing")}, set(), "still indexing", id="stuck"),
        pytest.param({"a": a_file(status="failed")}, set(), "failed with", id="failed"),
        pytest.param(
            {"a": a_file(ledger={"read": 4, "indexed": 4})}, set(), "instead of 5", id="too-few"
        ),
        pytest.param(
            {"a": a_file(ledger={"read": 5, "indexed": 4, "unchanged": 1})},
            set(),
            "instead of 5",
            id="not-all-indexed",
        ),
    ],
)
def test_files_are_reckoned_with(
    files: dict[str, Any], deleted: set[str], says: str | None
) -> None:
    problems = wrong_files({"a": 5}, files, deleted=frozenset(deleted))
    assert len(problems) == (0 if says is None else 1)
    assert says is None or says in problems[0]


def test_the_pace_is_from_the_first_upload_to_the_last_completion() -> None:
    day = "2026-01-31T09:00:"
    files = [
        {"uploaded_at": f"{day}00Z", "completed_at": f"{day}01Z"},
        {"uploaded_at": f"{day}02Z", "completed_at": f"{day}04Z"},
        {"uploaded_at": f"{day}03Z", "completed_at": None},
    ]
    found = pace(files)
    assert (found["completed"], found["files_per_second"]) == (2, 0.5)
    assert (found["file_p50_seconds"], found["file_p95_seconds"]) == (1.0, 2.0)


# Made-up files


def parsed(file: SmallFile) -> Iterator[tuple[str, str]]:
    """Which parser reads it, and the native ids of its records."""
    parser = detect(io.BytesIO(file.content), file.name)
    for record in records_in(parser, file.content, filename=file.name, source_type=parser.name):
        yield parser.name, record.native_id


def test_small_files_have_the_records_that_they_say_and_share_none() -> None:
    files = list(islice(small_files("a"), 160))
    found = [list(parsed(file)) for file in files]
    assert [len(records) for records in found] == [file.records for file in files]
    assert [records[0][0] for records in found[:4]] == ["slack", "csv", "slack", "json"]
    ids = [record for records in found for record in records]
    assert len(set(ids)) == len(ids)
    assert len({file.name for file in files}) == len(files)


# The page


def kept(folder: Path, name: str, results: dict[str, Any], drawings: Any) -> str:
    load_page.keep(name, results, write=True, drawings=drawings, folder=folder)
    assert json.loads((folder / f"{name}.json").read_bytes())["machine"]
    return (folder / "load.md").read_text("utf-8")


def test_the_page_has_what_was_measured_and_leaves_out_what_was_not(tmp_path: Path) -> None:
    book = a_book()
    drawings = series_plots.mixed(memory_series(book), latency_series(book))
    page = kept(tmp_path, "mixed-load", results_of(MIX, book, "m", []), drawings)
    assert "| all | 2.0 | 2.0 | +0.0% |" in page
    assert "| p95 | 20.0 | 20.0 | +0.0% |" in page
    assert "a day" not in page
    assert (tmp_path / "mixed-memory-dark.svg").exists()


def test_the_page_shows_each_rate_and_the_highest_that_holds(tmp_path: Path) -> None:
    good, bad = asdict(result_of(outcome(20.0))), asdict(result_of(outcome(500.0), outcome(0, 429)))
    results = {
        "model": "m",
        "chunks": 1,
        "schedule": "even",
        "p95_limit_ms": 100.0,
        "highest_held_rate": 100.0,
    }
    results |= {"asked": bad, "idle": good, "client_alone": good, "ladder": [good]}
    page = kept(tmp_path, "open-loop", results, {"open-loop": series_plots.ladder(results)})
    assert (
        "| queries | 100 | 2 | 0.5 | 429: 1 | 0 | 500.0 | 500.0 | 500.0 | 500.0 | 0% | 0.5 |"
        in page
    )
    assert "p95 within 100 ms: 100 queries/s" in page


def test_the_page_counts_files_by_the_second_the_minute_and_the_day(tmp_path: Path) -> None:
    results = {
        "model": "m",
        "asked_rate": 12,
        "seconds": 60,
        "clients": 8,
        "accepted": 720,
        "completed": 720,
    }
    results |= {"records": 7_200, "chunks": 1_440, "megabytes": 0.72, "refused": 0, "errors": {}}
    results |= {"problems": [], "files_per_second": 12.0, "file_p50_seconds": 1.0}
    results |= {"file_p95_seconds": 2.0, "most_behind": 9, "linked_seconds_later": 3.0}
    drawings = {"files-a-day": series_plots.lag([(0.0, 0.0), (60.0, 9.0)])}
    page = kept(tmp_path, "files-a-day", results, drawings)
    assert "10.0 records, 2.0 chunks and 1.0 kB" in page
    assert "| and a day | 1,036,800 |" in page
