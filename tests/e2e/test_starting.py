"""What is killed while the service starts does not keep it from starting."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from serve_app.ray_environment import has_haproxy
from tests.e2e.conftest import HEADRACE, START_SECONDS, Service, eventually, free_port, kill

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(700),
    pytest.mark.skipif(not has_haproxy(), reason="no HAProxy binary for this platform"),
]

PARTS = ("ray::IngestWorkerActor", "ray::IndexWriterActor", "ray::ConductorActor", "haproxy")


@pytest.fixture
def stopped_service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, f"http://127.0.0.1:{free_port()}")
    yield service
    service.run("down", timeout=120)


def test_a_start_goes_on_when_each_part_is_killed_as_soon_as_it_is_there(
    stopped_service: Service,
) -> None:
    port = stopped_service.url.rpartition(":")[2]
    environment = stopped_service.environment() | {"HEADRACE_EMBEDDER__BACKEND": "hash"}
    starting = subprocess.Popen([str(HEADRACE), "up", "--port", port], env=environment)
    killers = [threading.Thread(target=_kill_first, args=(starting, part)) for part in PARTS]
    for killer in killers:
        killer.start()

    assert starting.wait(timeout=START_SECONDS) == 0
    for killer in killers:
        killer.join()
    state = json.loads((stopped_service.data_dir / "run" / "supervisor.json").read_text())
    assert state["restarts"] == 0


def _kill_first(starting: subprocess.Popen[bytes], title: str) -> None:
    """Kill the first process of that title below the command."""

    def found() -> psutil.Process | None:
        below = psutil.Process(starting.pid).children(recursive=True)
        return next((process for process in below if _is(process, title)), None)

    kill(eventually(found, seconds=START_SECONDS))


def _is(process: psutil.Process, title: str) -> bool:
    try:
        return process.cmdline()[0].rpartition("/")[2].startswith(title)
    except (psutil.NoSuchProcess, IndexError):
        return False
