"""Search quality on folders in BEIR's form, by ``headrace eval``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service import HEADRACE, BenchmarkFailed


@dataclass(frozen=True, slots=True)
class QualityResult:
    """Measures by mode: ``keyword``, ``vector`` and ``hybrid``."""

    name: str
    documents: int
    queries: int
    modes: Mapping[str, Mapping[str, float]]


def measure_quality(folder: Path) -> QualityResult:
    done = subprocess.run(
        [str(HEADRACE), "eval", str(folder), "--json"], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise BenchmarkFailed(f"headrace eval {folder}: {done.stderr}")
    result = json.loads(done.stdout)
    return QualityResult(folder.name, result["documents"], result["queries"], result["modes"])
