"""Three Ray nodes on one machine: work spreads over them, and workers and replicas follow the load.

The further nodes are raylets of their own, as in ``tests.chaos.second_node``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count

import httpx
import psutil
import pytest

from domain.file_states import FINAL_STATUSES
from tests.chaos.joining_node import JOINED
from tests.chaos.second_node import SecondNode
from tests.e2e.conftest import Service, eventually, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FILES, ROWS = 120, 300
MOST_WORKERS, MOST_REPLICAS = 3, 2
CLIENTS = 48
WORKER, REPLICA = "ray::IngestWorkerActor", "ray::ServeReplica:headrace:Api"


class ScalingService(Service):
    """Import workers and replicas may become more; vectors cost next to nothing."""

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "HEADRACE_EMBEDDER__BACKEND": "hash",
            "HEADRACE_INGEST__MAX_WORKERS": str(MOST_WORKERS),
            "HEADRACE_HTTP__MAX_REPLICAS": str(MOST_REPLICAS),
        }

    def processes(self, title: str) -> list[psutil.Process]:
        """Those of the first node that have this title."""
        return titled(title, self.process("node").children(recursive=True))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScalingService]:
    with started(ScalingService, tmp_path_factory.mktemp("headrace")) as running:
        yield running


@pytest.fixture
def further_nodes(service: ScalingService) -> Iterator[Sequence[SecondNode]]:
    """Two, which have joined, one after the other: Ray's ports are chosen while a node starts."""
    log = service.data_dir / "logs" / "second_node.log"
    nodes: list[SecondNode] = []
    with ExitStack() as stack:
        for number in (1, 2):
            nodes.append(SecondNode(service.data_dir))
            stack.callback(nodes[-1].stop)
            nodes[-1].start()
            eventually(lambda joined=number: log.read_text().count(JOINED) == joined, seconds=240)
        yield nodes


def titled(title: str, processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if title in " ".join(one.cmdline()[:1])]


def table(number: int) -> bytes:
    lines = ["id,subject,body"]
    lines += [f"{number}-{row},Pump {row},It lost pressure in hall {row}" for row in range(ROWS)]
    return "\n".join(lines).encode()


def test_workers_become_more_on_other_nodes_while_files_wait_and_rest_afterwards(
    service: ScalingService, further_nodes: Sequence[SecondNode]
) -> None:
    assert len(service.processes(WORKER)) == 1
    ids = [service.upload(f"table-{n}.csv", table(n), priority="bulk") for n in range(FILES)]

    def workers() -> list[int]:
        """On each node, the first one first."""
        elsewhere = [len(titled(WORKER, node.family())) for node in further_nodes]
        return [len(service.processes(WORKER)), *elsewhere]

    eventually(lambda: workers() == [1, 1, 1], seconds=240)
    files = [
        eventually(
            lambda file_id=file_id: (
                (file := service.file(file_id))["status"] in FINAL_STATUSES and file
            )
        )
        for file_id in ids
    ]
    assert sum(file["ledger"]["indexed"] for file in files) == FILES * ROWS
    eventually(lambda: workers() == [1, 0, 0])
    assert service.json("verify")["ok"]


def test_replicas_become_more_while_many_ask_and_all_are_answered(service: ScalingService) -> None:
    assert len(service.processes(REPLICA)) == 1
    enough = threading.Event()
    numbers, bad = count(), []

    def ask() -> None:
        with httpx.Client(timeout=60) as client:
            while not enough.is_set():
                question = {"query": f"pump {next(numbers)}"}
                answer = client.post(f"{service.url}/v1/query", json=question)
                if answer.status_code != 200:
                    bad.append(answer.text)

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        eventually(lambda: len(service.processes(REPLICA)) == MOST_REPLICAS)
    finally:
        enough.set()
        for client in clients:
            client.join()
    assert bad == []
