"""Several API processes count together, and what one has counted outlives it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from serve_app.counting import ROOM_BYTES

ANSWER = """
import os, signal, sys
from pathlib import Path
from domain.models.search import Answer, SearchMode
from serve_app.counting import count_together
from serve_app.metrics import Metrics
count_together(Path(sys.argv[1]))
metrics = Metrics()
for _ in range(int(sys.argv[2])):
    metrics.count_answer(SearchMode.HYBRID, Answer((), 3.0, {"embed": 2.0}))
os.kill(os.getpid(), signal.SIGKILL)
"""

STAY = """
import sys
from pathlib import Path
from serve_app.counting import count_together
count_together(Path(sys.argv[1]))
print("here", flush=True)
sys.stdin.read()
"""

EXPOSE = """
import sys
from pathlib import Path
from serve_app.counting import count_together
from serve_app.metrics import Metrics, SystemTotals
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


def test_who_comes_later_goes_on_where_the_dead_left_off(tmp_path: Path) -> None:
    for _ in range(3):
        run(ANSWER, tmp_path / "counts", 1)
    files = sorted(file.name for file in (tmp_path / "counts").glob("*.db"))
    assert files == ["counter_0.db", "histogram_0.db"]


def test_files_have_their_room_before_anything_is_counted(tmp_path: Path) -> None:
    run(ANSWER, tmp_path / "counts", 1)
    sizes = [file.stat().st_size for file in (tmp_path / "counts").glob("*.db")]
    assert sizes == [ROOM_BYTES, ROOM_BYTES]


def test_processes_at_the_same_time_have_files_of_their_own(tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    command = [sys.executable, "-c", STAY, str(counts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as staying:
        assert staying.stdout is not None
        staying.stdout.readline()
        run(ANSWER, counts, 2)
        staying.communicate(b"go")
    assert {file.name for file in counts.glob("counter_*")} == {"counter_0.db", "counter_1.db"}
    assert 'headrace_queries_total{mode="hybrid",outcome="ok"} 2.0' in run(EXPOSE, counts)


def test_who_cannot_write_there_counts_alone(tmp_path: Path) -> None:
    (tmp_path / "counts").write_text("no directory")
    assert "headrace_index_generation 7.0" in run(EXPOSE, tmp_path / "counts").splitlines()


def test_processes_of_other_directories_count_for_themselves(tmp_path: Path) -> None:
    run(ANSWER, tmp_path / "others", 2)
    assert "headrace_queries_total{" not in run(EXPOSE, tmp_path / "counts")
