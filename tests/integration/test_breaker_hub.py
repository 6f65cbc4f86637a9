"""The breaker hub on a real Ray, killed in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("processes_with_breakers.py")


def test_breakers_of_all_processes_open_and_close_together_whatever_happens_to_the_hub(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
    # Not printed: Ray mixes what its workers say with it.
    took = json.loads((tmp_path / "took.json").read_text())
    assert list(took) == ["opened", "closed", "opened_after_the_hubs_death"]
