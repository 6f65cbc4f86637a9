"""The client of ``benchmarks.open_loop``, in a process of its own: its plan by standard input.

Each request is sent when it is due, on the connection that has been idle for longest. Latency
counts from when it was due, so that waiting for a connection, and the client's own lateness, are
in it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.http_client import Pool, query_bytes, request_bytes
from benchmarks.schedule import on_schedule
from benchmarks.service import BenchmarkFailed

IDLE_ROUTE = "/health/live"


@dataclass(frozen=True, slots=True)
class Plan:
    """``due`` are seconds after the start; without ``texts`` a route that does nothing is asked."""

    port: int
    connections: int
    due: Sequence[float]
    texts: Sequence[str] = ()

    def requests(self) -> list[bytes]:
        if not self.texts:
            return [request_bytes("GET", IDLE_ROUTE)] * len(self.due)
        return [query_bytes(text) for text in self.texts]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request. ``late_ms``: how late the client itself was to begin it."""

    due: float
    latency_ms: float
    late_ms: float
    status: int
    is_cached: bool
    is_degraded: bool


@dataclass(frozen=True, slots=True)
class Run:
    """``seconds`` end with the last answer; ``cpu_seconds`` are the client's own."""

    outcomes: Sequence[Outcome]
    seconds: float
    cpu_seconds: float
    reopened: int


def run_client(plan: Plan) -> Run:
    """Carry the plan out in a process of its own.

    Raises:
        BenchmarkFailed: the client could not.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.open_loop_client"],
        input=json.dumps(asdict(plan)).encode(),
        capture_output=True,
    )
    if done.returncode != 0:
        raise BenchmarkFailed(f"the client ended with {done.returncode}: {done.stderr.decode()}")
    told = json.loads(done.stdout)
    return Run(**{**told, "outcomes": [Outcome(*one) for one in told["outcomes"]]})


async def carry_out(plan: Plan) -> dict[str, Any]:
    requests = plan.requests()
    outcomes: list[tuple[float, float, float, int, bool, bool]] = []
    loop = asyncio.get_running_loop()

    async with Pool(plan.port, plan.connections) as pool:

        async def ask(number: int, moment: float) -> None:
            late = loop.time() - moment
            answer = await pool.ask(requests[number])
            latency = loop.time() - moment
            outcomes.append(
                (
                    plan.due[number],
                    round(latency * 1000, 3),
                    round(late * 1000, 3),
                    answer.status,
                    b'"cached":true' in answer.body,
                    b'"degraded":true' in answer.body,
                )
            )

        started, used = time.perf_counter(), time.process_time()
        await on_schedule(plan.due, ask)
        return {
            "outcomes": outcomes,
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - used,
            "reopened": pool.reopened,
        }


def main() -> None:
    # A connection is a file descriptor, and many systems begin with 1,024 of them.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    plan = Plan(**json.loads(sys.stdin.buffer.read()))
    print(json.dumps(asyncio.run(carry_out(plan))))


if __name__ == "__main__":
    main()
