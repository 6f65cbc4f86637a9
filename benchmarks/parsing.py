"""``python -m benchmarks.parsing [--megabytes N] [--rounds N] [FOLDER …]``: parse throughput.

Each form is measured in alternating rounds: a well-known reader alone on the same bytes (the
limit), planning (where to cut), parsing to finished records, and the same with every record's
content hash. Rates are MB (10^6 bytes) a second of processor time, so per core; the median counts.
Folders add what real files they hold.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from zipfile import ZipFile

import orjson
import pyarrow.csv

from benchmarks.tables import (
    crm_rows,
    narrow_rows,
    salesforce_rows,
    write_array,
    write_csv,
    write_file,
    write_ndjson,
    write_slack,
)
from domain.errors import UnreadableFileError
from domain.models.files import ImportOptions, Slice
from domain.models.records import Record
from domain.parsers.detection import detect
from domain.parsers.streaming import SLICE_BYTES
from domain.ports.parser import ParseContext, Parser

MEGABYTES, ROUNDS = 32, 5
_MB = 1_000_000
_SMALLEST_REAL_BYTES = 200_000
_CSV, _LINES, _ARRAY, _SLACK = "csv", "ndjson", "json array", "slack"


@dataclass(frozen=True, slots=True)
class ParsingResult:
    """Rates in MB a second of processor time; the limit is 0 where its reader fails.

    ``ratio`` is the parser's rate over the limit's.
    """

    name: str
    form: str
    size_bytes: int
    records: int
    limit: str
    limit_rate: float
    plan_rate: float
    parse_rate: float
    hashed_rate: float
    ratio: float


def measure_parsing(*, megabytes: int, rounds: int) -> Iterator[ParsingResult]:
    """Made-up files of every form."""
    size = megabytes * _MB
    makers = {
        ("crm.csv", _CSV): lambda file: write_csv(file, crm_rows(), size=size),
        ("narrow.csv", _CSV): lambda file: write_csv(file, narrow_rows(), size=size),
        ("salesforce.csv", _CSV): lambda file: write_csv(file, salesforce_rows(), size=size),
        ("crm.jsonl", _LINES): lambda file: write_ndjson(file, crm_rows(), size=size),
        ("crm.json", _ARRAY): lambda file: write_array(file, crm_rows(), size=size),
        ("slack.zip", _SLACK): lambda file: write_slack(file, size=size),
    }
    with tempfile.TemporaryDirectory() as folder:
        for (name, form), make in makers.items():
            path = Path(folder, name)
            expected = write_file(path, make)
            result = measure_file(path, form, rounds=rounds)
            if result.records != expected:
                raise AssertionError(f"{name}: {expected} written, {result.records} read")
            yield result
            path.unlink()


def measure_folder(folder: Path, *, rounds: int) -> Iterator[ParsingResult]:
    """Every file of a folder that is large enough and that a parser reads."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size >= _SMALLEST_REAL_BYTES:
            try:
                yield measure_file(path, _form_of(path), rounds=rounds)
            except UnreadableFileError as error:
                print(f"{path.name}: {error}", flush=True)


def measure_file(path: Path, form: str, *, rounds: int) -> ParsingResult:
    reading = _Reading(path)
    limit, read_limit = _limit_of(form)
    works: dict[str, Callable[[], object]] = {
        "limit": partial(read_limit, path),
        "plan": reading.plan,
        "parse": reading.parse,
        "hashed": partial(reading.parse, is_hashed=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name].append(_seconds(work))
    size = reading.size_bytes
    rates = {name: size / _MB / median(times) for name, times in seconds.items()}
    return ParsingResult(
        name=path.name,
        form=form,
        size_bytes=size,
        records=reading.records,
        limit=limit,
        limit_rate=rates["limit"],
        plan_rate=rates["plan"],
        parse_rate=rates["parse"],
        hashed_rate=rates["hashed"],
        ratio=rates["parse"] / rates["limit"],
    )


class _Reading:
    """One file with its parser; ``records`` counts those of the last parse."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            self._parser: Parser = detect(file, path.name)
        self._context = ParseContext(path.name, self._parser.name, "0" * 64, ImportOptions())
        self._slices: list[Slice] = []
        self.records = 0
        self.plan()
        self.size_bytes = sum(part.size_bytes for part in self._slices)

    def plan(self) -> None:
        with self._path.open("rb") as file:
            self._slices = list(self._parser.plan(file, self._context, slice_bytes=SLICE_BYTES))

    def parse(self, *, is_hashed: bool = False) -> None:
        self.records = 0
        with self._path.open("rb") as file:
            for part in self._slices:
                for item in self._parser.read(file, part, self._context):
                    if isinstance(item, Record):
                        self.records += 1
                        if is_hashed:
                            item.content_hash()


def tables(results: Sequence[ParsingResult]) -> Iterator[str]:
    """A table for the benchmarks' page."""
    yield "## Parsing, per core\n"
    yield (
        "| file | MB | records | limit | limit MB/s | plan MB/s | parse MB/s | with hash | ratio "
        "| records/s |"
    )
    yield "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|"
    for result in results:
        yield (
            f"| {result.name} | {result.size_bytes / _MB:,.1f} | {result.records:,} "
            f"| {result.limit} | {result.limit_rate:,.0f} | {result.plan_rate:,.0f} "
            f"| {result.parse_rate:.1f} | {result.hashed_rate:.1f} | {result.ratio:.2f} "
            f"| {result.records * result.parse_rate * _MB / result.size_bytes:,.0f} |"
        )
    yield ""
    yield (
        "MB of 10^6 bytes a second of processor time, medians of alternating rounds. The limit is "
        "the named reader alone on the same bytes; parsing ends with finished records, as a "
        "pipeline gets them."
    )
    yield ""


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _limit_of(form: str) -> tuple[str, Callable[[Path], object]]:
    limits: dict[str, tuple[str, Callable[[Path], object]]] = {
        _CSV: ("pyarrow", _read_with_pyarrow),
        _LINES: ("orjson", _read_lines_with_orjson),
        _ARRAY: ("orjson", lambda path: orjson.loads(path.read_bytes())),
        _SLACK: ("orjson", _read_zip_with_orjson),
    }
    return limits[form]


def _read_with_pyarrow(path: Path) -> object:
    try:
        return pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        )
    except pyarrow.ArrowInvalid:
        return None


def _read_lines_with_orjson(path: Path) -> object:
    return [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]


def _read_zip_with_orjson(path: Path) -> object:
    with ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        return [orjson.loads(archive.read(name)) for name in names]


def _form_of(path: Path) -> str:
    if path.suffix == ".zip":
        return _SLACK
    if path.suffix in (".jsonl", ".ndjson"):
        return _LINES
    return _ARRAY if path.suffix == ".json" else _CSV


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parsing", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=MEGABYTES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, help="write the results there, too")
    parser.add_argument("folders", nargs="*", type=Path)
    asked = parser.parse_args()
    results = list(measure_parsing(megabytes=asked.megabytes, rounds=asked.rounds))
    for folder in asked.folders:
        results += measure_folder(folder, rounds=asked.rounds)
    print("\n".join(tables(results)))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
