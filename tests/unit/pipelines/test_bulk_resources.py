"""How many parse tasks a core runs in bulk."""

from __future__ import annotations

import pytest

from pipelines.bulk import EMBED_CPUS, parse_cpus


@pytest.mark.parametrize("tasks_per_core", [1, 2, 4, 8, 16])
def test_a_core_runs_as_many_parse_tasks_as_the_setting_says(tasks_per_core: int) -> None:
    assert int(1 / parse_cpus(tasks_per_core)) == tasks_per_core


@pytest.mark.parametrize("tasks_per_core", [1, 2, 3, 4])
def test_parsing_is_never_fused_with_embedding(tasks_per_core: int) -> None:
    assert parse_cpus(tasks_per_core) != EMBED_CPUS
