"""``python -m benchmarks.identifiers FOLDER``: does what has an identifier come first?

FOLDER holds Salesforce tables (``*.csv`` with ``Id``), Slack exports (``*.zip`` with
``channels.json``) and calls in Gong's form (``gong-calls*.jsonl.gz``), at any depth. What has an
identifier is read from these files by this program itself: the row with an id or a case number,
the message at a permalink, whatever has an address in it. A service of its own imports the files
and is asked for a sample of each kind. The model makes no difference to it, so that there is none.

Prints the mean reciprocal rank among the first ten, and exits with 1 where one is below 1.0.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.service import Service, fresh_service
from domain.models.ids import derive_record_id

Hit = Mapping[str, Any]
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
URL = re.compile(r"https?://[\w.-]+/[\w/.:;,~!?@#$&*+=%-]*[\w/]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Case:
    """A query of an identifier, and which hits have it."""

    kind: str
    query: str
    has_it: Callable[[Hit], bool]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identifiers", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, default=200, help="queries of each kind")
    arguments = parser.parse_args()
    files, cases = gathered(arguments.folder)
    by_kind: dict[str, list[Case]] = {}
    for case in cases:
        by_kind.setdefault(case.kind, []).append(case)
    with fresh_service(HEADRACE_EMBEDDER__BACKEND="hash") as service:
        print(f"importing {len(files)} files", flush=True)
        service.command("import", *map(str, files), "--wait", may_fail=True)
        print(
            "| identifier | known | asked | MRR | not first | p50 ms |\n|---|---|---|---|---|---|"
        )
        means = [_measured(service, kind, by_kind[kind], arguments.sample) for kind in by_kind]
    sys.exit(0 if min(means) == 1.0 else 1)


def gathered(folder: Path) -> tuple[list[Path], list[Case]]:
    """The files to import, and every identifier that was seen in them, each once."""
    readers: dict[str, Callable[[Path], Iterator[Case]]] = {
        "*.csv": salesforce_cases,
        "*.zip": slack_cases,
        "gong-calls*.jsonl.gz": gong_cases,
    }
    files: list[Path] = []
    cases: dict[tuple[str, str], Case] = {}
    for pattern, read in readers.items():
        for path in sorted(folder.rglob(pattern)):
            found = list(read(path))
            files += [path] if found else []
            for case in found:
                cases.setdefault((case.kind, case.query), case)
    return files, list(cases.values())


def salesforce_cases(path: Path) -> Iterator[Case]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file)
        if "Id" not in (rows.fieldnames or ()) or "IsDeleted" not in (rows.fieldnames or ()):
            return
        for row in rows:
            if len(row["Id"]) != 18 or row["IsDeleted"] in ("1", "true"):
                continue
            yield Case("Salesforce id of 18", row["Id"], has_entry("Id", row["Id"]))
            yield Case("Salesforce id of 15", row["Id"][:15], has_entry("Id", row["Id"]))
            if number := row.get("CaseNumber"):
                yield Case("case number", number, has_entry("CaseNumber", number))
            for value in filter(None, row.values()):
                yield from addresses_in(value)


def slack_cases(path: Path) -> Iterator[Case]:
    with zipfile.ZipFile(path) as archive:
        if "channels.json" not in archive.namelist():
            return
        channels = {one["name"]: one["id"] for one in json.loads(archive.read("channels.json"))}
        for name in archive.namelist():
            channel = channels.get(name.partition("/")[0])
            if channel is None or not name.endswith(".json"):
                continue
            for message in json.loads(archive.read(name)):
                if "subtype" in message or not message.get("text"):
                    continue
                yield from addresses_in(unescape(message["text"]))
                yield permalink_case(channel, message["ts"])


def permalink_case(channel: str, ts: str) -> Case:
    link = f"https://any.slack.com/archives/{channel}/p{ts.replace('.', '')}"
    record_id = str(derive_record_id("slack", f"{channel}:{ts}"))
    return Case("Slack permalink", link, lambda hit: hit["record_id"] == record_id)


def gong_cases(path: Path) -> Iterator[Case]:
    with gzip.open(path) as lines:
        for line in lines:
            call = json.loads(line)
            details = call.get("metaData") or call
            yield Case("Gong id", details["id"], has_entry("call_id", details["id"]))
            if url := details.get("url"):
                yield Case("Gong link", url, has_entry("call_id", details["id"]))
            for party in call.get("parties") or ():
                yield from addresses_in(party.get("emailAddress") or "")


def addresses_in(text: str) -> Iterator[Case]:
    for email in EMAIL.findall(text):
        yield Case("e-mail address", email.rstrip("."), says(email.rstrip("."), r"[\w.+-]"))
    for url in URL.findall(text):
        if "/archives/" in url:  # a permalink names a message, which comes before who mentions it
            continue
        bare = url.partition("://")[2].rstrip("/")
        yield Case("URL", url, says(bare, r"[\w.-]"))


def has_entry(key: str, value: str) -> Callable[[Hit], bool]:
    return lambda hit: str(hit["metadata"].get(key)) == value


def says(text: str, more: str) -> Callable[[Hit], bool]:
    """Whether a hit has the text anywhere, with none of the characters ``more`` before it."""
    whole = re.compile(rf"(?<!{more}){re.escape(text)}(?![\w-])", re.IGNORECASE | re.ASCII)
    return lambda hit: any(whole.search(text) for text in texts_of(hit))


def texts_of(hit: Hit) -> Iterator[str]:
    yield from (str(hit[key]) for key in ("content", "title", "author", "url"))
    for value in hit["metadata"].values():
        yield from map(str, value if isinstance(value, list) else [value])


def _measured(service: Service, kind: str, cases: list[Case], sample: int) -> float:
    asked = random.Random(7).sample(cases, min(sample, len(cases)))
    ranks, times, missed = [], [], []
    for case in asked:
        began = time.perf_counter()
        body = json.dumps({"query": case.query}).encode()
        hits = service.call("POST", "/v1/query", body)["hits"]
        times.append((time.perf_counter() - began) * 1000)
        rank = next((at for at, hit in enumerate(hits, start=1) if case.has_it(hit)), 0)
        ranks.append(1 / rank if rank else 0.0)
        missed += [] if rank == 1 else [case.query]
    mean = sum(ranks) / len(ranks)
    row = (kind, len(cases), len(asked), f"{mean:.3f}", len(missed), f"{median(times):.1f}")
    print("| {} |".format(" | ".join(map(str, row))), flush=True)
    for query in missed[:5]:
        print(f"  not first: {query}", file=sys.stderr)
    return mean


if __name__ == "__main__":
    main()
