"""How fast Slack exports are parsed: ``python -m benchmarks.slack_parsing EXPORT.zip…``."""

from __future__ import annotations

import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import orjson

from domain.models.files import ImportOptions
from domain.models.records import Record
from domain.parsers.slack import SlackParser
from domain.ports.parser import ParseContext

SLICE_BYTES = 10 * 1024**2


@dataclass(frozen=True, slots=True)
class SlackRates:
    """Processor seconds over the day files' unpacked JSON bytes; the best of several passes.

    ``parse_seconds`` covers planning and reading to finished records, ``plan_seconds`` the
    former alone. ``bare_seconds`` unpacks the same files with ``zipfile`` and parses them with
    orjson, and does nothing else.
    """

    json_bytes: int
    records: int
    parse_seconds: float
    plan_seconds: float
    bare_seconds: float

    @property
    def mb_per_second(self) -> float:
        return self.json_bytes / 1e6 / self.parse_seconds

    @property
    def bare_mb_per_second(self) -> float:
        return self.json_bytes / 1e6 / self.bare_seconds


def measure_slack(path: Path, *, passes: int = 5) -> SlackRates:
    """Parse an export ``passes`` times on one core."""
    parsed = [_parse(path) for _ in range(passes)]
    bare = [_parse_bare(path) for _ in range(passes)]
    return SlackRates(
        json_bytes=bare[0][1],
        records=parsed[0][2],
        parse_seconds=min(whole for whole, _, _ in parsed),
        plan_seconds=min(plan for _, plan, _ in parsed),
        bare_seconds=min(seconds for seconds, _ in bare),
    )


def _parse(path: Path) -> tuple[float, float, int]:
    parser = SlackParser()
    context = ParseContext(path.name, "slack", "0" * 64, ImportOptions())
    records = 0
    began = time.process_time()
    with path.open("rb") as file:
        parts = list(parser.plan(file, context, slice_bytes=SLICE_BYTES))
        planned = time.process_time()
        for part in parts:
            records += sum(isinstance(item, Record) for item in parser.read(file, part, context))
    return time.process_time() - began, planned - began, records


def _parse_bare(path: Path) -> tuple[float, int]:
    size = 0
    began = time.process_time()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if "/" in info.filename and info.filename.endswith(".json"):
                size += info.file_size
                orjson.loads(archive.read(info))
    return time.process_time() - began, size


if __name__ == "__main__":
    for name in sys.argv[1:]:
        rates = measure_slack(Path(name))
        print(
            f"{Path(name).name}: {rates.records:,} records of {rates.json_bytes / 1e6:.2f} MB, "
            f"{rates.mb_per_second:.1f} MB/s (planning {rates.plan_seconds:.3f} of "
            f"{rates.parse_seconds:.3f} s; zipfile and orjson alone "
            f"{rates.bare_mb_per_second:.1f} MB/s)"
        )
