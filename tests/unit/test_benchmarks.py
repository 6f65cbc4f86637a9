"""The benchmarks' own arithmetic and texts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from benchmarks.chunking import ChunkingResult
from benchmarks.csv_conformance import Case, difference
from benchmarks.imports import ImportResult
from benchmarks.judging import MEASURES
from benchmarks.parsing import measure_parsing
from benchmarks.queries import SPLIT, QueryResult, percentiles
from benchmarks.relevance_variants import CHOICES, HYBRID, SetResult, leave_one_out
from benchmarks.report import Results, tables
from benchmarks.service import BenchmarkFailed
from benchmarks.sources import FolderResult, page
from benchmarks.tables import crm_rows, write_csv
from benchmarks.texts import MEAN_WORDS, TextMaker
from benchmarks.vector_cache import CachedEmbedder


def test_the_same_seed_makes_the_same_texts() -> None:
    assert list(TextMaker("a").texts(20)) == list(TextMaker("a").texts(20))


def test_texts_have_the_length_that_they_should_have() -> None:
    lengths = [len(text.split()) for text in TextMaker("a").texts(1_000)]
    assert abs(fmean(lengths) - MEAN_WORDS) < 1


def test_queries_of_two_seeds_do_not_meet() -> None:
    first, second = TextMaker("one"), TextMaker("two")
    assert not {first.query() for _ in range(200)} & {second.query() for _ in range(200)}


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentiles([float(value) for value in range(1, 101)]) == {
        "p50_ms": 50.0,
        "p95_ms": 95.0,
        "p99_ms": 99.0,
    }


def test_a_row_of_the_made_up_crm_has_a_typical_width() -> None:
    table = io.BytesIO()
    rows = write_csv(table, crm_rows(), size=200_000)
    assert 300 <= table.tell() / rows <= 800
    assert any("\n" in row["description"] for row in islice(crm_rows(), 10))


def test_every_measured_form_is_read_completely() -> None:
    results = list(measure_parsing(megabytes=1, rounds=1))
    assert {result.form for result in results} == {"csv", "ndjson", "json array", "slack"}
    assert all(result.records > 0 and result.parse_rate > 0 for result in results)


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        pytest.param([{"a": "1", "b": "2"}], None, id="equal"),
        pytest.param([{"a": "1", "b": "1"}], "row 1: 'b' is '2' instead of '1'", id="a-cell"),
        pytest.param([], "1 rows instead of 0", id="a-row-too-many"),
    ],
)
def test_a_difference_names_what_differs(expected: list[dict[str, str]], says: str | None) -> None:
    assert difference(Case("suite", "case", b"a,b\n1,2\n", expected)) == says


def test_ways_of_cutting_are_shown_with_what_they_reach() -> None:
    measures = dict.fromkeys(MEASURES, 0.25)
    imported = ImportResult(1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    latency = percentiles([1.0])
    parts = dict.fromkeys(SPLIT, latency)
    asked = QueryResult(1, 1, 1.0, **latency, parts=parts, all_ms=[1.0])
    results = Results(imported, [asked], [], [ChunkingResult("days", 1_200, measures)])
    assert "| days | 1,200 | 0.250 | 0.250 | 0.250 | 0.250 |" in list(tables(results))


def an_imported_file(**ledger: int) -> dict[str, object]:
    counts = {"read": 3, "indexed": 2, "unchanged": 0, "dropped": {"blank_row": 1}, "failed": 0}
    return {
        "filename": "a.csv",
        "status": "completed",
        "source_type": "csv",
        "error": None,
        "ledger": counts | ledger,
    }


def folder_result(file: dict[str, object]) -> FolderResult:
    return FolderResult("crm", [file], 1.0, [file], 0.5)


def test_a_ledger_that_does_not_add_up_fails_the_measurement() -> None:
    with pytest.raises(BenchmarkFailed, match="blank_row"):
        folder_result(an_imported_file(read=4)).check()


def test_the_table_of_sources_counts_what_became_of_the_records() -> None:
    lines = list(page([folder_result(an_imported_file())], "ok"))
    assert "| crm | 1 | csv 1 | 3 | 2 | 0 | blank_row 1 | 0 | 0 | 1.0 | 2 | 0.5 |" in lines


def test_a_refused_file_is_named_with_the_reason() -> None:
    refused = {**an_imported_file(), "status": "failed", "ledger": None, "error": "no parser"}
    assert list(page([folder_result(refused)], "ok"))[-1] == "- crm: `a.csv`: no parser"


class CountingEmbedder(HashEmbedder):
    texts_embedded = 0

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.texts_embedded += len(texts)
        return super().embed(texts)


def test_vectors_are_kept_in_the_order_asked_for_and_made_once(tmp_path: Path) -> None:
    texts = ["pump", "valve", "pump"]
    first, second = CountingEmbedder(dimension=8), CountingEmbedder(dimension=8)
    made = CachedEmbedder(first, tmp_path).embed(texts)
    kept = CachedEmbedder(second, tmp_path).embed(texts)
    assert (first.texts_embedded, second.texts_embedded) == (2, 0)
    assert np.array_equal(made, HashEmbedder(dimension=8).embed(texts))
    assert np.array_equal(made, kept)


def test_half_a_vector_that_a_killed_process_left_is_made_again(tmp_path: Path) -> None:
    CachedEmbedder(HashEmbedder(dimension=8), tmp_path).embed(["pump", "valve"])
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    again = CachedEmbedder(HashEmbedder(dimension=8), tmp_path)
    assert np.array_equal(
        again.embed(["pump", "valve"]), HashEmbedder(dimension=8).embed(["pump", "valve"])
    )


def judged_as(name: str, **ndcg: float) -> SetResult:
    return SetResult(name, 1, 1, {variant: {"ndcg@10": value} for variant, value in ndcg.items()})


def test_a_ratio_is_to_the_better_leg() -> None:
    result = judged_as("a", keyword=0.4, vector=0.5, hybrid=0.6)
    assert result.ratio(HYBRID) == pytest.approx(1.2)


def test_what_is_left_out_is_judged_by_the_choice_of_the_others() -> None:
    good, other = CHOICES[0].name, CHOICES[1].name
    names = {choice.name: 0.5 for choice in CHOICES}
    legs = {"keyword": 0.5, "vector": 0.4, "hybrid": 0.55}
    sets = [
        judged_as("a", **legs, **{**names, good: 0.6}),
        judged_as("b", **legs, **{**names, good: 0.6}),
        judged_as("c", **legs, **{**names, other: 0.9, good: 0.4}),
    ]
    [_, _, left_out] = leave_one_out(sets)
    assert (left_out.chosen, left_out.ratio) == (good, pytest.approx(0.8))
