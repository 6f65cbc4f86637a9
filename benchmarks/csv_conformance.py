"""``python -m benchmarks.csv_conformance FOLDER``: do CSV files come out as their tests expect?

The folder holds csv-spectrum and w3c-csvw-tests, each unpacked or as a zip. A test counts if its
result follows from the CSV alone: all of csv-spectrum; of W3C's "CSV on the Web" those with
``json = positive`` in ``manifest.csv`` and neither metadata (action, user, link, or a file beside
the CSV) nor a content type with parameters, so that every cell is expected as its text.

Rows are compared as column and text, without blank cells, which a record leaves out.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from domain.errors import HeadraceError
from domain.models.files import ImportOptions
from domain.models.records import DroppedItem, JsonValue, Record
from domain.parsers.csv import CsvParser
from domain.parsers.streaming import SLICE_BYTES
from domain.ports.parser import ParseContext

SPECTRUM, W3C = "csv-spectrum", "w3c-csvw-tests"
_METADATA_FIELDS = ("action-metadata", "user-metadata", "link-metadata")
_PLAIN_EXTRA = re.compile(r'(?:nonnorm=true|minimal=true|action="(?P<action>[^"]+\.csv)"|\s)*\Z')

Rows = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Case:
    """A CSV and the rows that its test expects."""

    suite: str
    name: str
    content: bytes
    expected: Rows


def cases_in(folder: Path) -> Iterator[Case]:
    yield from _spectrum_cases(_files(folder, SPECTRUM))
    yield from _w3c_cases(_files(folder, W3C))


def difference(case: Case) -> str | None:
    """Why the parser's rows are not those that the test expects; ``None`` if they are."""
    try:
        found = rows_of(case.content)
    except HeadraceError as error:
        return f"refused: {error}"
    if len(found) != len(case.expected):
        return f"{len(found)} rows instead of {len(case.expected)}"
    for number, (row, expected) in enumerate(zip(found, case.expected, strict=True), start=1):
        if row != expected:
            wrong = {key for key in row | expected if row.get(key) != expected.get(key)}
            shown = ", ".join(
                f"{key!r} is {row.get(key)!r} instead of {expected.get(key)!r}"
                + _fault_of_the_test(expected.get(key), case.content)
                for key in sorted(wrong)
            )
            return f"row {number}: {shown}"
    return None


def _fault_of_the_test(expected: str | None, content: bytes) -> str:
    if expected is None:
        return ""
    written = expected.encode()
    is_there = written in content or written.replace(b'"', b'""') in content
    return "" if is_there else " (which the file does not hold)"


def rows_of(content: bytes) -> Rows:
    """A CSV's records as column and text; blank rows are none, a broken row is an empty one."""
    parser, file = CsvParser(), io.BytesIO(content)
    context = ParseContext("table.csv", "csv", "0" * 64, ImportOptions())
    columns = parser.describe(file, context)["columns"]
    items = (
        item
        for part in parser.plan(file, context, slice_bytes=SLICE_BYTES)
        for item in parser.read(file, part, context)
        if not isinstance(item, DroppedItem)
    )
    return [_texts_in(item, columns) if isinstance(item, Record) else {} for item in items]


def _texts_in(record: Record, columns: list[str]) -> dict[str, str]:
    """A record's cells; of its other metadata only the cells past the header's end."""
    return {
        key: str(value)
        for key, value in record.metadata.items()
        if key in columns or key.startswith("extra_")
    }


def _spectrum_cases(files: Mapping[str, bytes]) -> Iterator[Case]:
    for name, content in files.items():
        if name.endswith(".csv"):
            stem = Path(name).stem
            expected = json.loads(files[f"json/{stem}.json"].decode("utf-8", "replace"))
            rows = expected if isinstance(expected, list) else [expected]
            yield Case(SPECTRUM, stem, content, [_filled(row) for row in rows])


def _w3c_cases(files: Mapping[str, bytes]) -> Iterator[Case]:
    manifest = csv.DictReader(io.StringIO(files["manifest.csv"].decode(), newline=""), restval="")
    for test in manifest:
        name, extra = test["test"], _PLAIN_EXTRA.match(test["extra"])
        if test["json"] != "positive" or any(test[field] for field in _METADATA_FIELDS):
            continue
        table = (extra and extra["action"]) or f"{name}.csv"
        if extra and f"{table}-metadata.json" not in files and f"{name}.json" in files:
            expected = _w3c_rows(json.loads(files[f"{name}.json"]))
            yield Case(W3C, name, files[table], expected)


def _w3c_rows(expected: JsonValue) -> Rows:
    """The rows of a result in W3C's standard mode, or in the minimal one, a list of objects."""
    if isinstance(expected, list):
        return [_filled(row) for row in expected]
    rows = [row for table in expected["tables"] for row in table["row"]]
    return [_filled(row["describes"][0]) for row in rows]


def _filled(row: Mapping[str, JsonValue]) -> dict[str, str]:
    return {key: value for key, value in row.items() if value and not value.isspace()}


def _files(folder: Path, name: str) -> dict[str, bytes]:
    """A suite's files by their path in it."""
    root, packed = folder / name, folder / f"{name}.zip"
    if root.is_dir():
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        return {_inner(path.relative_to(root).as_posix()): path.read_bytes() for path in paths}
    with ZipFile(packed) as archive:
        names = [entry for entry in archive.namelist() if not entry.endswith("/")]
        return {_inner(entry): archive.read(entry) for entry in names}


def _inner(path: str) -> str:
    """The path without the folder around a repository's tests."""
    parts = path.split("/")
    return "/".join(parts[-2:] if parts[-2:][0] in ("csvs", "json") else parts[-1:])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.csv_conformance")
    parser.add_argument("folder", type=Path, help="holds csv-spectrum and w3c-csvw-tests")
    results = {
        (case.suite, case.name): difference(case) for case in cases_in(parser.parse_args().folder)
    }
    for suite in (SPECTRUM, W3C):
        of_suite = {name: why for (owner, name), why in results.items() if owner == suite}
        agreeing = sum(why is None for why in of_suite.values())
        print(f"{suite}: {agreeing} of {len(of_suite)} agree")
        for name, why in of_suite.items():
            if why is not None:
                print(f"  {name}: {why}")


if __name__ == "__main__":
    main()
