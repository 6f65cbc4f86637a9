"""The capacity model: its units, and what grows with what."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.capacity_figures import (
    DOCUMENTS,
    GB,
    MIXES,
    PLANNED,
    SLACK,
    TB,
    Assumed,
    Measured,
    Relative,
    measured,
)
from benchmarks.capacity_model import (
    QUANTISATIONS,
    Volume,
    api_replicas,
    costs,
    embedding_cores,
    embedding_gpus,
    new_a_day,
    object_requests,
    partitions,
    plan,
    postgres_bytes,
    queries_per_second,
    shards,
    vector_bytes,
    volume_of,
    weaviate_cores,
    weaviate_disk,
    weaviate_memory,
    weaviate_nodes,
)
from benchmarks.capacity_page import page

MEASURED = Measured(
    chunks_per_core_second=30,
    import_share=0.5,
    query_core_seconds=0.03,
    records_per_second=1_000,
    writes_per_second=500,
    record_bytes=2_000,
    record_text_bytes=300,
)
MILLION = 1_000_000


def test_bytes_become_records_and_chunks_by_kind() -> None:
    volume = volume_of(1 * TB, {SLACK: 0.5, DOCUMENTS: 0.5})
    assert volume.records == pytest.approx(0.5e12 / 307 + 0.5e12 / 500_000)
    assert volume.chunks == pytest.approx(0.5e12 / 559 + 0.5e12 / 20_000)


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 0\.9"):
        volume_of(1 * TB, {SLACK: 0.9})


@pytest.mark.parametrize("name", MIXES)
def test_the_shares_of_every_mix_add_up(name: str) -> None:
    assert sum(MIXES[name].values()) == pytest.approx(1)


def test_a_million_vectors_of_weaviates_own_example_take_what_its_documentation_says() -> None:
    a = replace(Assumed(), max_connections=64, copies=1, collector_factor=1)
    assert weaviate_memory(MILLION, "none", a) == pytest.approx(2.2 * GB, rel=0.02)


@pytest.mark.parametrize(
    ("quantisation", "size"), [("none", 1_536), ("SQ", 384), ("RQ", 384), ("PQ", 96)]
)
def test_a_vector_of_384_numbers_takes(quantisation: str, size: int) -> None:
    assert vector_bytes(quantisation, Assumed()) == size


def test_copies_multiply_memory_and_disk_and_leave_shards_and_searching_alone() -> None:
    one, three = replace(Assumed(), copies=1), replace(Assumed(), copies=3)
    of_memory, of_disk = (
        [grown(100 * MILLION, a) for a in (one, three)]
        for grown in (lambda n, a: weaviate_memory(n, "RQ", a), weaviate_disk)
    )
    assert of_memory[1] == pytest.approx(3 * of_memory[0])
    assert of_disk[1] == pytest.approx(3 * of_disk[0])
    assert shards(100 * MILLION, one) == shards(100 * MILLION, three) == 2
    assert weaviate_cores(100 * MILLION, one) == weaviate_cores(100 * MILLION, three)


def test_weaviate_has_a_node_for_each_copy_and_enough_for_memory_or_cores() -> None:
    idle = replace(Assumed(), concurrent_queries=0, copies=2)
    assert weaviate_nodes(1_000, "RQ", idle) == 2
    by_memory = weaviate_memory(2_000 * MILLION, "none", idle) / idle.weaviate_node_bytes
    assert weaviate_nodes(2_000 * MILLION, "none", idle) == pytest.approx(by_memory, abs=1)
    busy = replace(idle, concurrent_queries=100_000)
    assert weaviate_nodes(1_000, "RQ", busy) > 2


def test_people_ask_once_in_the_time_of_an_answer_and_a_pause() -> None:
    a = replace(
        Assumed(), concurrent_queries=1_000, seconds_between_queries=4.9, answer_seconds=0.1
    )
    assert queries_per_second(a) == pytest.approx(200)


def test_replicas_are_cores_of_which_a_share_is_planned_with() -> None:
    a = replace(
        Assumed(),
        concurrent_queries=1_000,
        seconds_between_queries=0.9,
        answer_seconds=0.1,
        kept_share=0.5,
        busy_share=0.5,
    )
    assert api_replicas(MEASURED, a) == 30  # 500 a second × 0.03 s / 0.5
    assert api_replicas(MEASURED, replace(a, concurrent_queries=1)) == 2


def test_postgres_holds_what_is_around_a_record_and_copies_of_its_text() -> None:
    a = replace(Assumed(), text_copies_in_postgres=2, text_bytes_per_chunk=400)
    volume = Volume(raw_bytes=0, records=10, chunks=20)
    assert postgres_bytes(volume, MEASURED, a) == pytest.approx(10 * (2_000 - 600) + 2 * 20 * 400)


def test_a_table_is_parted_when_it_is_larger_than_a_partition() -> None:
    a = replace(Assumed(), partition_bytes=1 * GB)
    assert partitions(Volume(0, records=1, chunks=1), MEASURED, a) == 1
    assert partitions(Volume(0, records=2 * MILLION, chunks=0), MEASURED, a) == 3  # 2.8 GB


def test_a_day_brings_what_is_not_unchanged() -> None:
    a = replace(Assumed(), files_per_day=10, mean_file_bytes=559_000, unchanged_share=0.5)
    assert new_a_day({SLACK: 1.0}, a).chunks == pytest.approx(5_000)


def test_cores_and_gpus_follow_from_rates() -> None:
    a = replace(Assumed(), busy_share=0.5, chunks_per_gpu_second=2_000)
    assert embedding_cores(75, MEASURED, a) == pytest.approx(10)  # 75 / (30 × 0.5 × 0.5)
    assert embedding_gpus(1_001, a) == 2


@pytest.mark.parametrize(
    ("size", "writes", "reads"), [(1_000, 10, 10), (80_000_000, 100, 80)], ids=["small", "large"]
)
def test_a_file_is_written_in_parts_and_read_in_slices(
    size: float, writes: float, reads: float
) -> None:
    a = replace(Assumed(), files_per_day=10, mean_file_bytes=size, part_bytes=8e6, slice_bytes=10e6)
    assert object_requests(a).writes == pytest.approx(writes)
    assert object_requests(a).reads == pytest.approx(reads)


def test_a_first_load_in_half_the_time_takes_twice_the_cores() -> None:
    slow, fast = (
        plan(PLANNED, "RQ", MEASURED, replace(Assumed(), first_load_days=days)) for days in (30, 15)
    )
    assert fast.first_load_cores == pytest.approx(2 * slow.first_load_cores)


def test_costs_follow_the_relative_costs() -> None:
    planned = plan(PLANNED, "RQ", MEASURED, Assumed())
    free = replace(Relative(), core=0, memory_gb=0, disk_gb=0, object_gb=2)
    parts = costs(planned, free, Assumed())
    assert sum(parts.values()) == parts["object store"] == 20_000  # 10 TB are 10,000 GB


def test_measured_figures_are_those_of_the_results(tmp_path: Path) -> None:
    percentile = {"p50_ms": 1.0, "p95_ms": 1.0}
    (tmp_path / "growth.json").write_text(json.dumps(GROWTH | {"machine": {}}))
    (tmp_path / "results.json").write_text(
        json.dumps(
            {
                "machine": {"cores": 2},
                "queries": [
                    {"clients": 16, "queries_per_second": 50.0, "parts": {"all": percentile}},
                    {"clients": 1, "queries_per_second": 20.0, "parts": {"all": percentile}},
                ],
            }
        )
    )
    found = measured(tmp_path / "growth.json", tmp_path / "results.json")
    assert found.query_core_seconds == pytest.approx(0.04)
    assert found.writes_per_second == pytest.approx(1_000)  # 90 s without making texts up
    assert found.records_per_second == pytest.approx(500)
    assert found.record_bytes == pytest.approx(2_000)  # what passes through is not counted
    assert found.record_text_bytes == pytest.approx(300)


def test_the_page_names_every_constant_and_every_quantisation() -> None:
    text = page(MEASURED, Assumed(), Relative())
    for figures in (MEASURED, Assumed(), Relative()):
        for name in figures.__dataclass_fields__:
            assert f"`{type(figures).__name__}.{name}`" in text
    assert all(f"| {name} | " in text for name in QUANTISATIONS)


GROWTH = {
    "indexes": [
        {
            "chunks": 90_000,
            "filled": {
                "seconds": 100.0,
                "making_seconds": 10.0,
                "folding_seconds": 1.0,
                "commit_ms": {},
                "last_commits_ms": {},
                "peak_mb": 1.0,
                "words_bytes": 1,
                "vectors_bytes": 1,
                "graphs": 1,
            },
            "asked": {
                "questions": 1,
                "open_seconds": 1.0,
                "latency_ms": {},
                "resident_mb": 1.0,
                "own_mb": 1.0,
                "recall": 1.0,
            },
        }
    ],
    "stores": [
        {
            "records": 1_000,
            "stored": {
                "store_seconds": 2.0,
                "link_seconds": 1.0,
                "table_bytes": {"parsed_content": 2 * MILLION, "arriving_records": MILLION},
                "text_bytes": 300_000,
                "lookup_ms": {},
            },
        }
    ],
}
