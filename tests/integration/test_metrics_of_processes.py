"""Several API processes count together, and what one has counted outlives it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ANSWER = """
import os, signal, sys
from pathlib import Path
from domain.models.search import Answer, SearchMode
from serve_app.metrics import Metrics, count_together
count_together(Path(sys.argv[1]))
metrics = Metrics()
for _ in range(int(sys.argv[2])):
    metrics.count_answer(SearchMode.HYBRID, Answer((), 3.0, {"embed": 2.0}))
os.kill(os.getpid(), signal.SIGKILL)
"""

EXPOSE = """
import sys
from pathlib import Path
from serve_app.metrics import Metrics, SystemTotals, count_together
count_together(Path(sys.argv[1]))
totals = SystemTotals(imports=None, queue=None, events=None, index_chunks=None, generation=7)
sys.stdout.buffer.write(Metrics().exposition(totals, {}))
"""


def run(program: str, *arguments: object) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


def test_counts_of_processes_that_were_killed_are_summed_up(tmp_path: Path) -> None:
    for answers in (2, 3):
        run(ANSWER, tmp_path / "counts", answers)
    lines = run(EXPOSE, tmp_path / "counts").splitlines()
    assert 'headrace_queries_total{mode="hybrid",outcome="ok"} 5.0' in lines
    assert 'headrace_query_latency_seconds_bucket{le="0.005",mode="hybrid"} 5.0' in lines
    assert "headrace_index_generation 7.0" in lines


def test_processes_of_other_directories_count_for_themselves(tmp_path: Path) -> None:
    run(ANSWER, tmp_path / "others", 2)
    assert "headrace_queries_total{" not in run(EXPOSE, tmp_path / "counts")
