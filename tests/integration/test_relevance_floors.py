"""Floors of search quality, on two small collections that were made up for it.

``tests/relevance/helpdesk`` is asked in other words than its own, ``company`` mixes chat, calls and
tables, and is asked for names and numbers, too.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actors.bootstrap import open_embedder
from actors.settings import Settings
from pipelines.evaluation import evaluate

COLLECTIONS = Path(__file__).parent.parent / "relevance"
FLOORS = {
    "helpdesk": {"keyword": 0.58, "vector": 0.95, "hybrid": 0.94},
    "company": {"keyword": 0.65, "vector": 0.84, "hybrid": 0.85},
}
"""nDCG@10, about 0.03 below what was measured, with the model in int8 and in bf16: the lower one.

On the 24 questions of ``company`` bf16, which is float32 but for rounding, measures 0.04 less.
"""


@pytest.fixture(scope="module", params=FLOORS)
def judged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any]]:
    embedder = open_embedder(Settings(), sessions=1)
    try:
        work = tmp_path_factory.mktemp("relevance")
        evaluated = evaluate(COLLECTIONS / request.param, embedder, work)
        return request.param, asyncio.run(evaluated)
    finally:
        embedder.close()


def test_no_mode_falls_below_its_floor(judged: tuple[str, dict[str, Any]]) -> None:
    name, result = judged
    found = {mode: measures["ndcg@10"] for mode, measures in result["modes"].items()}
    assert {mode: found[mode] for mode, floor in FLOORS[name].items() if found[mode] < floor} == {}


def test_hybrid_leaves_nothing_out_that_a_leg_finds(
    judged: tuple[str, dict[str, Any]],
) -> None:
    _, result = judged
    recalls = {mode: measures["recall@100"] for mode, measures in result["modes"].items()}
    assert recalls["hybrid"] >= max(recalls["keyword"], recalls["vector"])
