"""What the growth benchmark found, as values and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.growth_index import Asked, Filled
from benchmarks.growth_records import Stored

PATH = Path(__file__).parent.parent / "docs" / "benchmarks" / "growth.json"
FLOOR, FROM, TO = 2.0, 10_000, 1_000_000
"""Query time may grow by so much from an index of so many chunks to one of so many."""


@dataclass(frozen=True, slots=True)
class IndexGrowth:
    """One index; ``disk_bytes`` of it are on disk."""

    chunks: int
    filled: Filled
    asked: Asked

    @property
    def disk_bytes(self) -> int:
        return self.filled.words_bytes + self.filled.vectors_bytes

    def median_ms(self, way: str) -> float:
        return self.asked.latency_ms[way]["p50_ms"]


@dataclass(frozen=True, slots=True)
class StoreGrowth:
    """One PostgreSQL with as many records."""

    records: int
    stored: Stored


@dataclass(frozen=True, slots=True)
class GrowthResults:
    """Indexes and stores from small to large; ``machine`` is what the figures depend on."""

    machine: Mapping[str, Any]
    indexes: Sequence[IndexGrowth]
    stores: Sequence[StoreGrowth]

    def times_as_long(self, way: str) -> float:
        """The median at the largest index, as a multiple of that at the smallest."""
        return self.indexes[-1].median_ms(way) / self.indexes[0].median_ms(way)


def write(results: GrowthResults, path: Path = PATH) -> None:
    path.write_text(json.dumps(asdict(results), indent=1) + "\n", "utf-8")


def read(path: Path = PATH) -> GrowthResults:
    """Raises ``OSError`` where nothing was measured yet."""
    content = json.loads(path.read_text("utf-8"))
    return GrowthResults(
        content["machine"],
        [
            IndexGrowth(one["chunks"], Filled(**one["filled"]), Asked(**one["asked"]))
            for one in content["indexes"]
        ],
        [StoreGrowth(one["records"], Stored(**one["stored"])) for one in content["stores"]],
    )
