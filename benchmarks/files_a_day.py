"""``python -m benchmarks.files_a_day [--minutes 20] [--rate 12]``: a million small files a day.

Several clients upload small files, made up, over HTTP: at a fixed rate, or with ``--rate 0`` as
fast as the service takes them. Uploads that are refused (429) are sent again when the service says.
In the end every accepted file has to be completed with exactly its records, and all stores are
compared. ``--write`` keeps the results in docs/benchmarks.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks import load_page, series_plots
from benchmarks.http_client import Pool, request_bytes
from benchmarks.queries import percentiles
from benchmarks.reckoning import known_files, wrong_files, wrong_with_stores
from benchmarks.schedule import due_times, on_schedule
from benchmarks.service import BenchmarkFailed, Service, fresh_service
from benchmarks.small_files import SmallFile, small_files
from domain.file_states import FINAL_STATUSES

SAMPLE_SECONDS = 5.0
RETRY_SECONDS = 1.0


@dataclass
class Uploads:
    """What clients did: ``accepted`` has the records of each file by its id.

    ``lag`` has how many files were accepted and not finished, with the seconds after the start.
    """

    files: Iterator[SmallFile]
    pool: Pool
    accepted: dict[str, int] = field(default_factory=dict)
    sent_bytes: int = 0
    refused: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    lag: list[tuple[float, float]] = field(default_factory=list)

    async def one(self, number: int = 0, moment: float = 0.0) -> None:
        """Upload the next file, again and again while the service is full."""
        file = next(self.files)
        request = request_bytes("PUT", f"/v1/files/{file.name}", file.content)
        while (answer := await self.pool.ask(request)).status == 429:
            self.refused += 1
            await asyncio.sleep(answer.retry_after_seconds or RETRY_SECONDS)
        if answer.status == 202:
            self.accepted[answer.json["id"]] = file.records
            self.sent_bytes += len(file.content)
        else:
            self.errors[f"{answer.status} {answer.body[:200].decode(errors='replace')}"] += 1

    async def as_fast_as_possible(self, seconds: float) -> None:
        """One client: it uploads when its last file was accepted."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.one()

    async def watch(self, started: float) -> None:
        """Sample the lag until somebody cancels."""
        while True:
            answer = await self.pool.ask(request_bytes("GET", "/v1/status"))
            if answer.status == 200:
                counts = answer.json["files"] or {}
                done = sum(counts.get(status, 0) for status in FINAL_STATUSES)
                self.lag.append((time.monotonic() - started, len(self.accepted) - done))
            if len(self.lag) % 12 == 1:
                at, behind = self.lag[-1]
                print(
                    f"{at:5.0f} s: {len(self.accepted):,} accepted, {behind:,.0f} of them not "
                    f"done, refused {self.refused:,}, errors {self.errors.total()}",
                    flush=True,
                )
            await asyncio.sleep(SAMPLE_SECONDS)


async def upload(service: Service, *, rate: float, seconds: float, clients: int) -> Uploads:
    """Upload for so long, then wait until all rests."""
    # One connection more, so that whoever watches need not wait for the clients.
    async with Pool(service.port, clients + 1) as pool, asyncio.TaskGroup() as group:
        uploads = Uploads(small_files("files a day"), pool)
        watching = group.create_task(uploads.watch(time.monotonic()))
        if rate:
            await on_schedule(due_times("even", rate, seconds), uploads.one)
        else:
            await asyncio.gather(*(uploads.as_fast_as_possible(seconds) for _ in range(clients)))
        print(f"{len(uploads.accepted):,} files accepted", flush=True)
        await asyncio.to_thread(service.settle)
        watching.cancel()
    return uploads


def measure(*, rate: float, seconds: float, clients: int) -> tuple[dict[str, Any], Uploads]:
    """The page's results, and the uploads that the plot is drawn from."""
    with fresh_service() as service:
        uploads = asyncio.run(upload(service, rate=rate, seconds=seconds, clients=clients))
        rest = time.time()
        files = known_files(service, uploads.accepted)
        problems = wrong_files(uploads.accepted, files)
        print("verifying", flush=True)
        problems += wrong_with_stores(service)
        status = service.call("GET", "/v1/status")
    of_files = pace([files[file_id] for file_id in uploads.accepted if file_id in files])
    return {
        "model": status["model"],
        "asked_rate": rate,
        "seconds": seconds,
        "clients": clients,
        "accepted": len(uploads.accepted),
        "records": sum(uploads.accepted.values()),
        "chunks": status["chunks"],
        "megabytes": uploads.sent_bytes / 1e6,
        "refused": uploads.refused,
        "errors": dict(uploads.errors),
        "problems": problems,
        **of_files,
        "most_behind": max(behind for _, behind in uploads.lag),
        "linked_seconds_later": rest - of_files["last_completed"],
    }, uploads


def pace(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How fast files went from the first upload to the last completion, by the service's clock.

    Files that are not completed are left out.

    Raises:
        BenchmarkFailed: none is.
    """
    times = [
        (_seconds(file["uploaded_at"]), _seconds(file["completed_at"]))
        for file in files
        if file["completed_at"]
    ]
    if not times:
        raise BenchmarkFailed(f"none of {len(files):,} files was completed")
    first, last = min(came for came, _ in times), max(ended for _, ended in times)
    took = percentiles([(ended - came) * 1000 for came, ended in times])
    return {
        "completed": len(times),
        "files_per_second": len(times) / (last - first),
        "last_completed": last,
        "file_p50_seconds": took["p50_ms"] / 1000,
        "file_p95_seconds": took["p95_ms"] / 1000,
    }


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files_a_day", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=float, default=12, help="files a second; 0: closed loop")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="seconds, at most 2 files a second")
    parser.add_argument("--write", action="store_true", help="keep the results in docs/benchmarks")
    asked = parser.parse_args()
    if asked.quick:
        results, uploads = measure(rate=min(asked.rate, 2), seconds=6, clients=2)
    else:
        results, uploads = measure(
            rate=asked.rate, seconds=asked.minutes * 60, clients=asked.clients
        )
    name = "files-a-day" if asked.rate else "files-closed-loop"
    drawings = {name: series_plots.lag(uploads.lag)}
    load_page.keep(name, results, write=asked.write, drawings=drawings)
    sys.exit(1 if results["errors"] or results["problems"] else 0)


if __name__ == "__main__":
    main()
