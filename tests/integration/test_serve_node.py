"""The node for real: one Ray with HAProxy, killed in every way that matters."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from serve_app.leftovers import end_leftovers, find_leftovers
from serve_app.node import EXIT_RAY_DIED, EXIT_STOPPED
from serve_app.ray_environment import has_haproxy, ray_temp_dir, ray_token_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not has_haproxy(), reason="no HAProxy binary for this platform"),
]

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("node_with_toy.py")
START_SECONDS = 240
UPLOAD_BYTES = 256 * 1024 * 1024


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class RunningNode:
    """A node process on a data directory; every start is a new process."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token_file = ray_token_file(data_dir)

    def start(self) -> None:
        environment = {
            **os.environ,
            "HEADRACE_DATA_DIR": str(self.data_dir),
            "HEADRACE_HTTP__PORT": str(self.port),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(SCRIPT.parent)]),
        }
        self.log = (self.data_dir / "node.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)], env=environment, stdout=self.log, stderr=self.log
        )
        deadline = time.monotonic() + START_SECONDS
        while b"node_ready" not in (self.data_dir / "node.log").read_bytes():
            assert self.process.poll() is None, self.tail()
            assert time.monotonic() < deadline, self.tail()
            time.sleep(0.2)

    def tail(self) -> str:
        return (self.data_dir / "node.log").read_text(errors="replace")[-4_000:]

    def processes(self, name: str) -> list[psutil.Process]:
        named = orjson.loads((self.data_dir / "run" / "node.json").read_bytes())["pids"]
        pids = [pid for key, pid in named.items() if key.startswith(name)]
        return [psutil.Process(pid) for pid in pids]

    def wait(self) -> int:
        status = self.process.wait(timeout=60)
        self.log.close()
        return status

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.wait()
        end_leftovers(self.token_file)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One node for the whole file: starting one is most of the time."""
    running = RunningNode(tmp_path_factory.mktemp("node"))
    running.start()
    yield running
    running.clean_up()


def test_it_answers_over_haproxy_on_loopback_only(node: RunningNode) -> None:
    assert httpx.get(f"{node.url}/health/live").json() == {"status": "ok"}
    sockets = psutil.net_connections("tcp")
    listening = [s for s in sockets if s.status == "LISTEN" and s.laddr.port == node.port]
    assert {one.laddr.ip for one in listening} == {"127.0.0.1"}
    assert {psutil.Process(one.pid).name() for one in listening} == {"haproxy"}


def test_its_token_is_for_its_owner_alone(node: RunningNode) -> None:
    assert node.token_file.stat().st_mode & 0o777 == 0o600


def test_overload_is_answered_with_429_and_when_to_come_back(node: RunningNode) -> None:
    def ask(_: int) -> httpx.Response:
        return httpx.get(f"{node.url}/v1/slow", timeout=60)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}


def test_a_large_upload_does_not_grow_the_replica(node: RunningNode) -> None:
    [replica] = [
        child
        for child in psutil.Process(node.process.pid).children(recursive=True)
        if "ServeReplica" in " ".join(child.cmdline())
    ]
    before = replica.memory_info().rss
    most = 0

    def body() -> Iterator[bytes]:
        nonlocal most
        for _ in range(UPLOAD_BYTES // 1024**2):
            yield bytes(1024**2)
            most = max(most, replica.memory_info().rss)

    answer = httpx.put(f"{node.url}/v1/files/big", content=body(), timeout=120)
    assert answer.json() == {"size": UPLOAD_BYTES}
    assert most - before < 50 * 1024**2


def test_a_killed_node_leaves_nothing_that_stops_the_next_one(node: RunningNode) -> None:
    node.process.kill()
    node.wait()
    assert find_leftovers(node.token_file)
    node.start()
    assert httpx.get(f"{node.url}/health/live").status_code == 200


@pytest.mark.parametrize("victim", ["raylet", "gcs_server"])
def test_the_node_ends_soon_after_ray_dies_under_it(node: RunningNode, victim: str) -> None:
    [process] = node.processes(victim)
    process.kill()
    assert node.wait() == EXIT_RAY_DIED
    node.start()


def test_it_stops_cleanly_when_asked(node: RunningNode) -> None:
    node.process.send_signal(signal.SIGTERM)
    assert node.wait() == EXIT_STOPPED
    assert find_leftovers(node.token_file) == []
    assert len(list(ray_temp_dir(node.data_dir).glob("session_2*"))) <= 2
