"""``python -m benchmarks.identifiers FOLDER``: does what has an identifier come first?

FOLDER holds Salesforce tables (``*.csv`` with ``Id``), Slack exports (``*.zip`` with
``channels.json``) and calls in Gong's form (``gong-calls*.jsonl.gz``), at any depth. What has an
identifier is read from these files by this program itself: the row with an id or a case number,
the message at a permalink, whatever has an address in it. A service of its own imports the files
and is asked for a sample of each kind. The model makes no difference to it, so that there is none.

Prints the mean reciprocal rank among the first ten, and each query whose first hit does not have
the identifier, with what came instead; exits with 1 where there is one. ``--write`` writes the
page ``docs/benchmarks/identifiers.md``.
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.report import IDENTIFIERS_PAGE
from benchmarks.service import BenchmarkFailed, Service, fresh_service
from domain.models.ids import derive_record_id

Hit = Mapping[str, Any]
MAX_ASKED = 5
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
URL = re.compile(r"https?://[\w.-]+/[\w/.:;,~!?@#$&*+=%-]*", re.ASCII)
SLACK_URL = re.compile(r"<(https?://[^\s<>|]+)")
TRACKING = re.compile(r"(?:utm_\w+|fbclid|gclid|mc_[ce]id)=[^&#\s<>|\"']*&?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Case:
    """A query of an identifier, and which hits have it."""

    kind: str
    query: str
    has_it: Callable[[Hit], bool]


@dataclass(frozen=True, slots=True)
class Missed:
    """A query whose first hit does not have the identifier. ``rank`` is 0 where none has it."""

    query: str
    rank: int
    first: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of the queries of a kind, of ``known`` that the files have."""

    kind: str
    known: int
    asked: int
    missed: Sequence[Missed]
    p50_ms: float

    @property
    def mrr(self) -> float:
        first = [1.0] * (self.asked - len(self.missed))
        return fmean([*first, *(1 / one.rank if one.rank else 0.0 for one in self.missed)])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identifiers", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, default=200, help="queries of each kind")
    parser.add_argument("--write", action="store_true", help=f"write {IDENTIFIERS_PAGE.name}")
    arguments = parser.parse_args()
    files, cases = gathered(arguments.folder)
    by_kind: dict[str, list[Case]] = {}
    for case in cases:
        by_kind.setdefault(case.kind, []).append(case)
    with fresh_service(HEADRACE_EMBEDDER__BACKEND="hash") as service:
        print(f"importing {len(files)} files", flush=True)
        service.command("import", *map(str, files), "--wait", may_fail=True)
        kinds = [measured(service, kind, by_kind[kind], arguments.sample) for kind in by_kind]
    print(*table(kinds), sep="\n")
    print("p50 ms:", ", ".join(f"{one.kind} {one.p50_ms:.1f}" for one in kinds))
    if arguments.write:
        IDENTIFIERS_PAGE.write_text("\n".join(page(kinds, len(files))) + "\n", "utf-8")
        print(f"written to {IDENTIFIERS_PAGE}")
    sys.exit(1 if any(kind.missed for kind in kinds) else 0)


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
                yield from emails_in(value)
                yield from url_cases(URL.findall(value))


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
                text = message["text"]
                yield from emails_in(unescape(text))
                # Slack marks where a URL ends; what is shown in its place may be cut.
                yield from url_cases(map(unescape, SLACK_URL.findall(text)))
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
                yield from emails_in(party.get("emailAddress") or "")


def emails_in(text: str) -> Iterator[Case]:
    for email in EMAIL.findall(text):
        yield Case("e-mail address", email.rstrip("."), says(email.rstrip("."), r"[\w.+-]"))


def url_cases(urls: Iterable[str]) -> Iterator[Case]:
    for whole in urls:
        url = whole.rstrip(".,:;!?*~")  # What ends a sentence is none of it.
        if "/archives/" in url:  # a permalink names a message, which comes before who mentions it
            continue
        bare = TRACKING.sub("", url.partition("://")[2]).rstrip("?&#/")
        yield Case("URL", url, says(bare, r"[\w.-]"))


def has_entry(key: str, value: str) -> Callable[[Hit], bool]:
    return lambda hit: str(hit["metadata"].get(key)) == value


def says(text: str, more: str) -> Callable[[Hit], bool]:
    """Whether a hit has the text anywhere, with none of the characters ``more`` before it.

    Parameters for tracking do not count, wherever they are.
    """
    without_www = text.removeprefix("www.")
    whole = re.compile(
        rf"(?<!{more})(?:www\.)?{re.escape(without_www)}(?![\w-])", re.IGNORECASE | re.ASCII
    )
    return lambda hit: any(whole.search(TRACKING.sub("", text)) for text in texts_of(hit))


def texts_of(hit: Hit) -> Iterator[str]:
    yield from (str(hit[key]) for key in ("content", "title", "author", "url"))
    for value in hit["metadata"].values():
        yield from map(str, value if isinstance(value, list) else [value])


def measured(service: Service, kind: str, cases: list[Case], sample: int) -> Measured:
    asked = random.Random(7).sample(cases, min(sample, len(cases)))
    times, missed = [], []
    for case in asked:
        began = time.perf_counter()
        answer = complete_answer(service, case.query)
        times.append((time.perf_counter() - began) * 1000)
        hits = answer["hits"]
        rank = next((at for at, hit in enumerate(hits, start=1) if case.has_it(hit)), 0)
        if rank != 1:
            missed.append(Missed(case.query, rank, _shown(hits)))
            print(f"{kind}, rank {rank}: {case.query!r}; first: {missed[-1].first}", flush=True)
    return Measured(kind, len(cases), len(asked), missed, median(times))


def complete_answer(service: Service, query: str) -> Mapping[str, Any]:
    """One of all legs: what a machine that stands still for seconds leaves out is no rank."""
    body = json.dumps({"query": query}).encode()
    for _ in range(MAX_ASKED):
        answer = service.call("POST", "/v1/query", body)
        if not answer["degraded"]:
            return answer
        print(f"a leg was late, asked again: {query!r}", flush=True)
    raise BenchmarkFailed(f"no answer of all legs to {query!r}")


def _shown(hits: Sequence[Hit]) -> str:
    """Title and text of the first three hits, cut."""
    return " | ".join(f"{hit['title']}: {hit['content'][:300]!r}" for hit in hits[:3]) or "nothing"


def table(kinds: Sequence[Measured]) -> Iterator[str]:
    yield "| identifier | known | asked | MRR | not first |"
    yield "|---|---:|---:|---:|---:|"
    for one in kinds:
        cells = (f"{one.known:,}", one.asked, f"{one.mrr:.3f}", len(one.missed))
        yield f"| {one.kind} | {' | '.join(map(str, cells))} |"


def page(kinds: Sequence[Measured], files: int) -> Iterator[str]:
    """The page ``docs/benchmarks/identifiers.md``."""
    yield "# Identifiers, measured\n"
    yield "Written by `python -m benchmarks.identifiers DIR --write`. What counts as an identifier"
    yield "is told in [searching](../searching.md#identifiers).\n"
    yield f"{files} files of Salesforce tables, Slack exports and calls go into a service of their"
    yield "own. *Known* are the identifiers that these files have, as the benchmark reads"
    yield "them by itself; *asked* is a sample, each with nothing else in the query. A hit has an"
    yield "identifier if it is the record that this names, or says it as a whole. MRR is the mean"
    yield "reciprocal rank of the first such hit among ten.\n"
    yield from table(kinds)
    for kind in kinds:
        for one in kind.missed:
            yield f"\n{kind.kind}, rank {one.rank}: `{one.query}`"


if __name__ == "__main__":
    main()
