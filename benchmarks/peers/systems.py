"""How each system is started, filled and asked; every call is one run on an empty system."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from benchmarks.early import is_found
from benchmarks.imports import csv_of
from benchmarks.memory import pss_of, service_processes
from benchmarks.peers.drivers.job import Job, Report
from benchmarks.peers.environments import Environment
from benchmarks.peers.figures import CLIENTS, HEADRACE, TXTAI, Run, variant
from benchmarks.queries import check_fresh, closed_loop, percentiles, warm_up
from benchmarks.service import (
    POLL_SECONDS,
    BenchmarkFailed,
    Service,
    exchange,
    free_port,
    fresh_service,
    open_connection,
    request,
)
from serve_app.process_tree import family_of, kill

HITS = 10
BATCH = 32
ADD_BATCH = 500
START_SECONDS, STOP_SECONDS = 120, 60
INDEX_SECONDS = 3_600
CORES = os.cpu_count() or 1

Connect = Callable[[], HTTPConnection]
Ask = Callable[[HTTPConnection, str], None]


@dataclass(frozen=True, slots=True)
class Work:
    """The same for every system; no text and no query is there twice.

    ``queries`` and ``warm_up_queries`` are by the number of clients that ask them.
    """

    texts: Sequence[str]
    warm_up_texts: Sequence[str]
    queries: dict[int, Sequence[str]]
    warm_up_queries: dict[int, Sequence[str]]


def run_headrace(work: Work) -> Iterator[Run]:
    """A fresh service with its defaults; it is asked when its work behind the import is done."""
    started = time.perf_counter()
    with fresh_service() as service:
        figures = {"start_seconds": time.perf_counter() - started}
        _import(service, "warm-up.csv", work.warm_up_texts)
        seconds = _import(service, "notes.csv", work.texts)
        if not is_found(service, work.texts[0]):
            raise BenchmarkFailed("Headrace does not find what it has imported")
        figures["import_rate"] = len(work.texts) / seconds
        figures["settle_seconds"] = service.settle()
        figures |= asked_over_http(service.connect, ask_headrace, work)
        figures["memory_mb"] = memory_mb(service_processes(service.data_dir))
    yield Run(HEADRACE, figures)


def memory_mb(processes: Iterable[psutil.Process]) -> float:
    """Of all of them; a page that several share is divided among these. A dead one has none."""
    total = 0
    for process in processes:
        with suppress(OSError):
            total += pss_of(process.pid)
    return total / 1e6


def _import(service: Service, filename: str, texts: Sequence[str]) -> float:
    """Seconds until the last text is searchable."""
    content = csv_of(texts)
    started = time.perf_counter()
    file = service.import_bytes(filename, content)
    seconds = time.perf_counter() - started
    if file["status"] != "completed" or file["ledger"]["indexed"] != len(texts):
        raise BenchmarkFailed(f"expected {len(texts)} indexed: {file['status']} {file['ledger']}")
    return seconds


def ask_headrace(connection: HTTPConnection, query: str) -> None:
    body = json.dumps({"query": query, "limit": HITS}).encode()
    check_fresh(request(connection, "POST", "/v1/query", body))


def run_txtai(work: Work, *, environment: Environment, dtype: str) -> Iterator[Run]:
    """Its API, writable, then the index that it has saved behind one read-only worker a core."""
    with tempfile.TemporaryDirectory(prefix="txtai-bench-") as folder:
        config = txtai_config(Path(folder), environment.model(), dtype)
        started = time.perf_counter()
        with _txtai_api(environment, Path(folder), config, workers=1) as (server, connect):
            figures = {"start_seconds": time.perf_counter() - started}
            _index(connect, work.warm_up_texts)
            figures["import_rate"] = len(work.texts) / _index(connect, work.texts)
            figures |= asked_over_http(connect, ask_txtai, work)
            figures["memory_mb"] = memory_mb(family_of(psutil.Process(server)))
        yield Run(variant(TXTAI, dtype), figures)
        read_only = {**config, "writable": False}
        with _txtai_api(environment, Path(folder), read_only, workers=CORES) as (_, connect):
            figures = asked_over_http(connect, ask_txtai, work)
        yield Run(variant(TXTAI, dtype, f"{CORES} read-only workers"), figures)


def txtai_config(folder: Path, model: str, dtype: str) -> dict[str, Any]:
    """Content and hybrid search as its documentation shows them; on CPUs, as Headrace is."""
    embeddings = {"path": model, "content": True, "hybrid": True, "gpu": False}
    computing = {"encodebatch": BATCH, "vectors": {"dtype": dtype}}
    path = str(folder / "index")
    return {"writable": True, "path": path, "embeddings": {**embeddings, **computing}}


@contextmanager
def _txtai_api(
    environment: Environment, folder: Path, config: dict[str, Any], *, workers: int
) -> Iterator[tuple[int, Connect]]:
    """The process id of its server, which is up; the cores are divided among its workers."""
    settings = folder / "config.yml"
    settings.write_text(json.dumps(config), "utf-8")  # JSON is YAML.
    port = free_port()
    threads = str(max(1, CORES // workers))
    variables = {"CONFIG": str(settings), "OMP_NUM_THREADS": threads}
    options = ("--port", str(port), "--workers", str(workers), "--no-access-log")
    log = folder / f"server-of-{workers}.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [str(environment.python), "-m", "uvicorn", "txtai.api:app", *options],
            env={**environment.variables(), **variables},
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_up(server, log, workers)
            yield server.pid, partial(open_connection, port, timeout_seconds=INDEX_SECONDS)
        finally:
            server.terminate()
            try:
                server.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                kill(family_of(psutil.Process(server.pid)))


def _wait_until_up(server: subprocess.Popen[bytes], log: Path, workers: int) -> None:
    """Until each worker has said so: the first would take the queries meant for all of them."""
    deadline = time.monotonic() + START_SECONDS
    while log.read_text("utf-8").count("Application startup complete") < workers:
        if time.monotonic() > deadline or server.poll() is not None:
            raise BenchmarkFailed(f"txtai did not start: {log.read_text('utf-8')[-2000:]}")
        time.sleep(POLL_SECONDS)


def _index(connect: Connect, texts: Sequence[str]) -> float:
    """Seconds from the first byte sent until an index of just these texts is there."""
    connection = connect()
    rows = [{"id": number, "text": text} for number, text in enumerate(texts)]
    started = time.perf_counter()
    for at in range(0, len(rows), ADD_BATCH):
        exchange(connection, "POST", "/add", json.dumps(rows[at : at + ADD_BATCH]).encode())
    exchange(connection, "GET", "/index")
    seconds = time.perf_counter() - started
    count = int(exchange(connection, "GET", "/count"))
    hits = _search_txtai(connection, texts[0])
    connection.close()
    if count != len(texts) or str(hits[0]["id"]) != "0":
        raise BenchmarkFailed(f"txtai has {count} of {len(texts)} texts, finds {hits[:1]}")
    return seconds


def ask_txtai(connection: HTTPConnection, query: str) -> None:
    if not _search_txtai(connection, query):
        raise BenchmarkFailed(f"txtai has no answer to {query!r}")


def _search_txtai(connection: HTTPConnection, query: str) -> list[dict[str, Any]]:
    asked = urlencode({"query": query, "limit": HITS})
    hits: list[dict[str, Any]] = json.loads(exchange(connection, "GET", f"/search?{asked}"))
    return hits


def asked_over_http(connect: Connect, ask: Ask, work: Work) -> dict[str, float]:
    """Rate and percentiles for each number of clients."""
    figures: dict[str, float] = {}
    for clients in CLIENTS:
        queries = work.queries[clients]
        for some in warm_up(iter(work.warm_up_queries[clients]), clients):
            closed_loop(connect, ask, some, clients)
        started = time.perf_counter()
        took_ms = closed_loop(connect, partial(_timed, ask), queries, clients)
        seconds = time.perf_counter() - started
        if len(took_ms) != len(queries):
            raise BenchmarkFailed(f"{len(queries) - len(took_ms)} of {len(queries)} queries failed")
        figures |= of_queries(took_ms, seconds, clients)
    return figures


def _timed(ask: Ask, connection: HTTPConnection, query: str) -> float:
    started = time.perf_counter()
    ask(connection, query)
    return (time.perf_counter() - started) * 1000


def of_queries(took_ms: Sequence[float], seconds: float, clients: int) -> dict[str, float]:
    """The figures' keys are those of ``figures.rate`` and ``figures.latency``."""
    figures = {f"{name}_{clients}": value for name, value in percentiles(took_ms).items()}
    return {f"queries_per_second_{clients}": len(took_ms) / seconds, **figures}


def run_driver(
    work: Work, *, environment: Environment, driver: str, peer: str, dtype: str
) -> Iterator[Run]:
    """A library in a process of its own, which one client asks without HTTP."""
    job = Job(
        model=environment.model(),
        dtype=dtype,
        batch_size=BATCH,
        texts=work.texts,
        warm_up_texts=work.warm_up_texts,
        queries=work.queries[1],
        warm_up_queries=work.warm_up_queries[1],
    )
    done = subprocess.run(
        [str(environment.python), "-m", f"benchmarks.peers.drivers.{driver}"],
        input=json.dumps(asdict(job)),
        env=environment.variables(),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BenchmarkFailed(f"{peer}: {done.stderr[-2000:]}")
    report = parse_report(done.stdout, job)
    figures = of_queries(report.query_ms, sum(report.query_ms) / 1000, 1)
    yield Run(
        variant(peer, dtype), {"import_rate": report.texts / report.import_seconds, **figures}
    )


def parse_report(output: str, job: Job) -> Report:
    """The last line of a driver's output, before which libraries may have had their say.

    Raises:
        BenchmarkFailed: it is no report, or not of the whole job.
    """
    try:
        report = Report(**json.loads(output.strip().splitlines()[-1]))
    except (IndexError, ValueError, TypeError) as error:
        raise BenchmarkFailed(f"not a driver's report: {output[-500:]!r}") from error
    counts = report.texts, len(report.query_ms), report.found
    if counts != (len(job.texts), len(job.queries), 0):
        raise BenchmarkFailed(f"texts, queries and the first text's first hit are {counts}")
    return report
