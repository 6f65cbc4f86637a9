"""``python -m benchmarks.early [--records N] [--job]``: how soon an import's records are found.

A fresh service imports a CSV of made-up notes. Meanwhile the first, a middle and the last record
are asked for by words; printed are the seconds after the upload's end until each is found, and how
many records were embedded then. When a tenth is embedded, a sample of all records is asked for. In
the end every record has to be accounted for, and the stores have to agree.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.imports import csv_of
from benchmarks.service import POLL_SECONDS, BenchmarkFailed, Service, fresh_service
from benchmarks.texts import TextMaker
from domain.file_states import FINAL_STATUSES

RECORDS = 50_000
SAMPLE = 50
WORDS_ASKED = 8
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Sight:
    """When a record was first found by words, and how far the import was."""

    record: int
    seconds: float
    found_by_words: int
    found_by_meaning: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.early", description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--job", action="store_true", help="through Ray Data, as large files")
    options = parser.parse_args()
    records = options.records
    texts = list(TextMaker("early").texts(records))
    with fresh_service() as service:
        measure(service, texts, as_job=options.job)


def measure(service: Service, texts: Sequence[str], *, as_job: bool) -> None:
    content = csv_of(texts)
    print(f"{len(texts):,} records, {len(content) / 2**20:.1f} MiB", flush=True)
    began = time.perf_counter()
    path = "/v1/files/notes.csv" + ("?job=true" if as_job else "")
    file_id = service.call("PUT", path, content)["id"]
    uploaded = time.perf_counter()
    print(f"uploaded in {uploaded - began:.1f} s", flush=True)
    for sight in watch(service, file_id, texts, uploaded):
        print(
            f"record {sight.record:,} found by words after {sight.seconds:.1f} s: "
            f"{sight.found_by_words:,} stored, {sight.found_by_meaning:,} embedded",
            flush=True,
        )
    sample(service, file_id, texts, uploaded)
    finish(service, file_id, len(texts), uploaded)


def watch(service: Service, file_id: str, texts: Sequence[str], uploaded: float) -> Sequence[Sight]:
    """Ask for the first, a middle and the last record until each was found."""
    sights = []
    wanted = [0, len(texts) // 2, len(texts) - 1]
    while wanted:
        for record in [one for one in wanted if is_found(service, texts[one])]:
            seconds = time.perf_counter() - uploaded
            progress = service.call("GET", f"/v1/files/{file_id}")["progress"]
            found = progress["found_by_words"], progress["found_by_meaning"]
            sights.append(Sight(record + 1, seconds, *found))
            wanted.remove(record)
        time.sleep(LOOK_SECONDS)
    return sights


def sample(service: Service, file_id: str, texts: Sequence[str], uploaded: float) -> None:
    """Ask for random records once a tenth of all is embedded."""
    progress = service.call("GET", f"/v1/files/{file_id}")["progress"]
    while progress["found_by_meaning"] < len(texts) / 10:
        time.sleep(POLL_SECONDS)
        progress = service.call("GET", f"/v1/files/{file_id}")["progress"]
    seconds = time.perf_counter() - uploaded
    chosen = random.Random("sample").sample(range(len(texts)), min(SAMPLE, len(texts)))
    found = sum(is_found(service, texts[record]) for record in chosen)
    print(
        f"after {seconds:.1f} s {progress['found_by_meaning']:,} were embedded, "
        f"{progress['found_by_words']:,} stored; {found} of {len(chosen)} random ones were found",
        flush=True,
    )


def finish(service: Service, file_id: str, records: int, uploaded: float) -> None:
    while (file := service.call("GET", f"/v1/files/{file_id}"))["status"] not in FINAL_STATUSES:
        time.sleep(POLL_SECONDS)
    seconds = time.perf_counter() - uploaded
    print(f"imported after {seconds:.1f} s, {records / seconds:.0f}/s: {file['ledger']}")
    if file["ledger"]["indexed"] != records:
        raise BenchmarkFailed(f"expected {records} indexed: {file['status']}")
    print(service.command("verify").strip())


def is_found(service: Service, text: str) -> bool:
    """Whether the record is among the first ten hits for its longest words."""
    words = sorted(set(text.replace(".", "").split()), key=lambda word: (-len(word), word))
    question = json.dumps({"query": " ".join(words[:WORDS_ASKED]), "mode": "keyword"}).encode()
    answer = service.call("POST", "/v1/query", question)
    return any(text in hit["content"] for hit in answer["hits"])


if __name__ == "__main__":
    main()
