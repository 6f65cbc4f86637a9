"""Import throughput, from a file to its records being searchable, against the bare embedder."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.service import BenchmarkFailed, Service

BARE_LOOP_TEXTS = 3_000


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Rates are texts per second; ``ratio`` is the import's over the bare loop's."""

    texts: int
    import_seconds: float
    import_rate: float
    bare_rate: float
    ratio: float
    reimport_seconds: float
    reimport_speedup: float


def measure_import(service: Service, texts: Sequence[str]) -> ImportResult:
    """Import a CSV of the texts, with the bare loop before and after it, then import it again."""
    sample = texts[:BARE_LOOP_TEXTS]
    content = csv_of(texts)
    before = bare_loop_rate(sample)
    import_seconds = _timed_import(service, content, len(texts), "indexed")
    after = bare_loop_rate(sample)
    reimport_seconds = _timed_import(service, content, len(texts), "unchanged")
    bare_rate = (before + after) / 2
    import_rate = len(texts) / import_seconds
    return ImportResult(
        texts=len(texts),
        import_seconds=import_seconds,
        import_rate=import_rate,
        bare_rate=bare_rate,
        ratio=import_rate / bare_rate,
        reimport_seconds=reimport_seconds,
        reimport_speedup=import_seconds / reimport_seconds,
    )


def csv_of(texts: Sequence[str], *, first: int = 0) -> bytes:
    """A table with an id, a date and the text; ids are numbers from ``first`` on."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["id", "created_at", "text"])
    for number, text in enumerate(texts, first):
        day, minute = 1 + number // 1_440 % 28, number % 1_440
        moment = f"2025-{1 + number % 12:02d}-{day:02d}T{minute // 60:02d}:{minute % 60:02d}:00Z"
        writer.writerow([f"note-{number:07d}", moment, text])
    return table.getvalue().encode()


def bare_loop_rate(texts: Sequence[str]) -> float:
    """Texts per second of the import's embedder alone, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bare_loop"],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BenchmarkFailed(f"the bare loop failed: {done.stderr}")
    return float(done.stdout)


def _timed_import(service: Service, content: bytes, expected: int, outcome: str) -> float:
    started = time.perf_counter()
    file = service.import_bytes("notes.csv", content)
    seconds = time.perf_counter() - started
    if file["status"] != "completed" or file["ledger"][outcome] != expected:
        raise BenchmarkFailed(f"expected {expected} {outcome}: {file['status']} {file['ledger']}")
    return seconds
