"""``python -m benchmarks.sources FOLDER…``: import folders as they are, write docs/sources.md.

Each folder is imported with source ``auto`` into one fresh service, and then once more. Texts are
embedded by hashing, so that the seconds are those of reading, storing and indexing; the model's
share is in docs/benchmarks. At the end ``headrace verify`` compares all stores.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import machine
from benchmarks.service import BenchmarkFailed, Service, fresh_service

OUTPUT = Path(__file__).parent.parent / "docs" / "sources.md"


@dataclass(frozen=True, slots=True)
class FolderResult:
    """What became of a folder's files, and how long the second import took."""

    folder: str
    files: Sequence[dict[str, Any]]
    seconds: float
    again: Sequence[dict[str, Any]]
    again_seconds: float

    @property
    def sources(self) -> Counter[str]:
        """How many files were found to be of which source."""
        return Counter(file["source_type"] for file in self.files if file["source_type"])

    @property
    def refused(self) -> list[dict[str, Any]]:
        return [file for file in self.files if file["status"] in ("failed", "refused")]

    def total(self, entry: str) -> int:
        """An entry of the ledgers, over all files."""
        return sum(file["ledger"][entry] for file in self.files if file["ledger"])

    @property
    def dropped(self) -> Counter[str]:
        drops: Counter[str] = Counter()
        for file in self.files:
            drops.update(file["ledger"]["dropped"] if file["ledger"] else {})
        return drops

    @property
    def indexed_again(self) -> int:
        return sum(file["ledger"]["indexed"] for file in self.again if file["ledger"])

    def check(self) -> None:
        """Raises ``BenchmarkFailed`` where a ledger does not add up."""
        for file in self.files:
            if ledger := file["ledger"]:
                accounted = ledger["indexed"] + ledger["unchanged"] + ledger["failed"]
                if ledger["read"] != accounted + sum(ledger["dropped"].values()):
                    raise BenchmarkFailed(f"{file['filename']}: {ledger}")


def measure_folder(service: Service, folder: Path) -> FolderResult:
    files, seconds = _imported(service, folder)
    again, again_seconds = _imported(service, folder)
    result = FolderResult(folder.name, files, seconds, again, again_seconds)
    result.check()
    return result


def _imported(service: Service, folder: Path) -> tuple[list[dict[str, Any]], float]:
    started = time.perf_counter()
    printed = service.command("import", str(folder), "--wait", "--json", may_fail=True)
    return json.loads(printed)["files"], time.perf_counter() - started


def page(results: Sequence[FolderResult], verified: str) -> Iterator[str]:
    """docs/sources.md, line by line."""
    facts = machine()
    yield from (
        "# Sources, measured",
        "",
        "Written by `python -m benchmarks.sources FOLDER…`: real exports and public data sets,",
        "each folder imported as it is, its README included, with source `auto` into one service,",
        "and then a second time. Texts are embedded by hashing, so the seconds are those of",
        "reading, storing and indexing; what the model takes is in",
        "[benchmarks](benchmarks/README.md). How each source is read: [Slack](sources/slack.md),",
        "[Salesforce](sources/salesforce.md), [Gong](sources/gong.md),",
        "[documents](sources/documents.md).",
        "",
        f"{facts['cores']} cores ({facts['architecture']}, {facts['system']}), "
        f"Python {facts['python']}.",
        "",
        "| Folder | Files | Found to be | Read | Indexed | Unchanged | Dropped, by rule | Failed "
        "| Files refused | Seconds | Again: indexed | Again: seconds |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    )
    for result in results:
        cells = (
            result.folder,
            f"{len(result.files):,}",
            _listed(result.sources),
            *(f"{result.total(entry):,}" for entry in ("read", "indexed", "unchanged")),
            _listed(result.dropped),
            f"{result.total('failed'):,}",
            str(len(result.refused)),
            f"{result.seconds:.1f}",
            str(result.indexed_again),
            f"{result.again_seconds:.1f}",
        )
        yield f"| {' | '.join(cells)} |"
    yield from ("", f"`headrace verify` afterwards: `{verified}`.", "")
    refused = [(result.folder, file) for result in results for file in result.refused]
    if refused:
        yield from ("## Files refused, and why", "")
        for folder, file in refused:
            yield f"- {folder}: `{file['filename']}`: {file['error']}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sources", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--embedder", default="hash", help="onnx to embed with the model")
    arguments = parser.parse_args()
    results = []
    with fresh_service(HEADRACE_EMBEDDER__BACKEND=arguments.embedder) as service:
        for folder in arguments.folders:
            results.append(measure_folder(service, folder))
            print(f"{folder.name}: {results[-1].seconds:.0f} s", flush=True)
        verified = json.dumps(json.loads(service.command("verify", "--json", may_fail=True)))
    OUTPUT.write_text("\n".join(page(results, verified)).rstrip() + "\n", "utf-8")
    print(f"written to {OUTPUT}: {verified[:500]}")


if __name__ == "__main__":
    main()
