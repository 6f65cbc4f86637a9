"""The arithmetic of the comparison with peers, and what its page says."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from subprocess import PIPE, Popen

import psutil
import pytest

from benchmarks.peers.__main__ import WARM_UP, make_work, read_json, write_json
from benchmarks.peers.drivers.job import Job, Report
from benchmarks.peers.environments import PINS, fingerprint, pinned, pins_of
from benchmarks.peers.figures import (
    FLOORS,
    HEADRACE,
    IMPORT,
    LLAMAINDEX,
    START,
    TXTAI,
    Floor,
    Metric,
    Run,
    better_peers,
    latency,
    ratios,
    reached,
    variant,
    via,
)
from benchmarks.peers.page import Comparison, page
from benchmarks.peers.systems import memory_mb, of_queries, parse_report, txtai_config
from benchmarks.service import BenchmarkFailed
from serve_app.process_tree import family_of

IMPORT_FLOOR, RATE_FLOOR, P95_FLOOR = FLOORS


def imported(system: str, rate: float) -> Run:
    return Run(system, {IMPORT.key: rate})


TWO_ROUNDS = [
    imported(HEADRACE, 100),
    imported(TXTAI, 50),
    imported(LLAMAINDEX, 20),
    imported(HEADRACE, 200),
    imported(TXTAI, 50),
    imported(LLAMAINDEX, 100),
    imported(HEADRACE, 400),
]


def test_a_ratio_is_to_the_mean_of_headrace_before_and_after() -> None:
    assert ratios(TWO_ROUNDS, TXTAI, IMPORT) == [3.0, 6.0]


def test_a_round_that_was_cut_short_is_compared_with_headrace_before_it() -> None:
    assert ratios(TWO_ROUNDS[:2], TXTAI, IMPORT) == [2.0]


def test_a_floor_is_held_against_the_best_peer_of_each_round() -> None:
    reached_ratio = reached(TWO_ROUNDS, IMPORT_FLOOR)
    assert reached_ratio is not None
    assert (reached_ratio.low, reached_ratio.median, reached_ratio.high) == (3.0, 3.0, 3.0)


def test_a_floor_whose_peers_were_left_out_is_not_reached_by_silence() -> None:
    assert reached([imported(HEADRACE, 1)], IMPORT_FLOOR) is None


@pytest.mark.parametrize(
    ("floor", "ratio", "is_met"),
    [
        pytest.param(RATE_FLOOR, 3.0, True, id="enough-queries"),
        pytest.param(RATE_FLOOR, 2.9, False, id="too-few-queries"),
        pytest.param(P95_FLOOR, 0.5, True, id="short-enough"),
        pytest.param(P95_FLOOR, 0.6, False, id="too-long"),
    ],
)
def test_a_floor_knows_on_which_side_of_it_is_better(
    floor: Floor, ratio: float, is_met: bool
) -> None:
    assert floor.is_met(ratio) is is_met


def test_the_peer_is_better_where_it_imports_faster_or_answers_sooner() -> None:
    p50 = latency("p50", 1)
    runs = [
        Run(HEADRACE, {IMPORT.key: 10, p50.key: 8.0, START.key: 5.0}),
        Run(TXTAI, {IMPORT.key: 20, p50.key: 4.0, START.key: 6.0}),
    ]
    found = [(peer, metric.key) for peer, metric, _ in better_peers(runs, (IMPORT, p50, START))]
    assert found == [(TXTAI, IMPORT.key), (TXTAI, p50.key)]


@pytest.mark.parametrize(("metric", "ratio"), [(IMPORT, 0.5), (START, 2.0)])
def test_an_advantage_is_above_one_whatever_the_metric(metric: Metric, ratio: float) -> None:
    assert metric.advantage(ratio) == 2.0


def test_a_variant_is_asked_as_its_peer_is_and_named_by_what_differs() -> None:
    names = variant(TXTAI, "float32"), variant(TXTAI, "bfloat16", "2 workers")
    assert names == (TXTAI, "txtai, bfloat16, 2 workers")
    assert {via(name) for name in names} == {via(HEADRACE)}


def a_comparison(runs: list[Run]) -> Comparison:
    machine = {"cores": 2, "processor": "P", "architecture": "x86_64", "system": "Linux"}
    machine |= {"memory_gb": 8, "python": "3.11"}
    versions = {TXTAI: {"txtai": "9"}}
    return Comparison(machine, "minilm-bf16", 5_000, 400, versions, {}, runs)


def test_the_page_shows_medians_with_their_spread_and_ratios() -> None:
    lines = page(a_comparison(TWO_ROUNDS)).splitlines()
    assert "| Headrace | HTTP, hybrid | 200 (100–400) |  |" in lines
    assert "| txtai | HTTP, hybrid | 50.0 | 4.50 (3.00–6.00) |" in lines
    assert f"| {IMPORT_FLOOR.says} | 3.00 | met |" in lines
    assert f"| {RATE_FLOOR.says} | | not measured |" in lines
    assert "- txtai: txtai 9" in lines


def test_the_page_names_what_a_peer_is_better_at() -> None:
    runs = [imported(HEADRACE, 10), imported(LLAMAINDEX, 40)]
    lines = page(a_comparison(runs)).splitlines()
    assert f"- {LLAMAINDEX}, in process, vectors: texts/s imported, 4.00 times as good" in lines
    assert f"| {IMPORT_FLOOR.says} | 0.25 | **not met** |" in lines


def test_the_page_says_so_where_no_peer_is_better() -> None:
    assert "Nowhere among these figures." in page(a_comparison(TWO_ROUNDS)).splitlines()


JOB = Job("model", "float32", 32, ["a", "b"], [], ["q"], [])


def output_of(report: Report) -> str:
    return f"a library's greeting\n{json.dumps(asdict(report))}\n"


def test_a_drivers_report_is_its_last_line() -> None:
    report = Report(texts=2, import_seconds=0.5, query_ms=[1.5], found=0)
    assert parse_report(output_of(report), JOB) == report


@pytest.mark.parametrize(
    "output",
    [
        pytest.param("", id="nothing"),
        pytest.param("Killed\n", id="no-json"),
        pytest.param('{"texts": 2}\n', id="half-a-report"),
        pytest.param(output_of(Report(1, 0.5, [1.5], 0)), id="a-text-too-few"),
        pytest.param(output_of(Report(2, 0.5, [], 0)), id="a-query-too-few"),
        pytest.param(output_of(Report(2, 0.5, [1.5], 1)), id="finds-something-else"),
    ],
)
def test_what_is_no_report_of_the_whole_job_fails_the_measurement(output: str) -> None:
    with pytest.raises(BenchmarkFailed):
        parse_report(output, JOB)


def test_figures_of_queries_have_the_keys_that_the_page_asks_for() -> None:
    figures = of_queries([1.0, 2.0, 3.0], 0.5, 16)
    assert figures["queries_per_second_16"] == 6.0
    assert figures[latency("p95", 16).key] == 3.0


def test_no_query_is_asked_twice() -> None:
    work = make_work(texts=10, queries=50)
    asked = [
        query
        for by_clients in (work.queries, work.warm_up_queries)
        for queries in by_clients.values()
        for query in queries
    ]
    assert len(set(asked)) == len(asked) == 2 * 50 + sum(WARM_UP.values())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory that is shared")
def test_a_systems_memory_is_that_of_its_descendants_too() -> None:
    own = psutil.Process()
    before = memory_mb([own])
    holding = "held = b'x' * 64_000_000; print('held', flush=True); input()"
    with Popen([sys.executable, "-c", holding], stdin=PIPE, stdout=PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert memory_mb(family_of(own)) - before > 60
        child.communicate(b"\n")


def test_txtai_is_hybrid_and_keeps_its_texts(tmp_path: Path) -> None:
    embeddings = txtai_config(tmp_path, "model", "float32")["embeddings"]
    assert embeddings["hybrid"] is embeddings["content"] is True


def test_an_environment_is_made_anew_when_a_pin_moves() -> None:
    assert fingerprint(("a==1", "b==2")) == fingerprint(("b==2", "a==1"))
    assert fingerprint(("a==1",)) != fingerprint(("a==2",))


def test_comments_are_no_pins_and_extras_no_part_of_a_name() -> None:
    pins = pins_of("# why\nTxtai[api]==9.14.0\n\ntorch==2.13.0\n")
    versions = {"txtai": "9.14.0", "torch": "2.13.0+cpu", "six": "1"}
    assert pinned(pins, versions) == {"Txtai": "9.14.0", "torch": "2.13.0+cpu"}


@pytest.mark.parametrize("listing", sorted(PINS.glob("*.txt")), ids=lambda path: path.stem)
def test_every_pin_names_one_version(listing: Path) -> None:
    assert all(pin.count("==") == 1 for pin in pins_of(listing.read_text("utf-8")))


def test_results_that_were_kept_are_read_as_they_were(tmp_path: Path) -> None:
    result = a_comparison(TWO_ROUNDS)
    write_json(tmp_path / "peers.json", result)
    assert read_json(tmp_path / "peers.json") == result
