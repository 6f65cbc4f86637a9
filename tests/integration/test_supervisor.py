"""The supervisor and the launcher with real processes, of which none costs anything."""

from __future__ import annotations

import contextlib
import errno
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from actors.settings import HttpSettings, Settings
from actors.store_settings import PostgresSettings, SearchBackend, SearchSettings, WeaviateSettings
from serve_app.addresses import CannotStart
from serve_app.client import ServiceUnreachable
from serve_app.commands.output import Output
from serve_app.commands.service import status
from serve_app.launcher import live_state, start_service, stop_service
from serve_app.process_tree import family_of, has_ended, kill
from serve_app.run_state import Phase, RunDirectory, ServiceState

pytestmark = pytest.mark.slow

FAKE = (sys.executable, str(Path(__file__).with_name("fake_supervisor.py")))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(what: Callable[[], bool]) -> None:
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + 10
    while not what():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.02)


def start(settings: Settings, *, tied: bool = False) -> str:
    return start_service(settings, supervisor_command=FAKE, tied_to_caller=tied).url


def state_of(settings: Settings) -> ServiceState:
    state = live_state(settings.data_dir)
    assert state is not None
    return state


def has_node(settings: Settings) -> bool:
    state = live_state(settings.data_dir)
    return state is not None and state.node is not None


def has_other_server(settings: Settings, than: psutil.Process) -> bool:
    running = processes_of(settings.data_dir)
    return bool(running) and running[0].name() == "postgres" and running[0].pid != than.pid


def stop(settings: Settings) -> bool:
    """``down``; the embedded PostgreSQL is the fake supervisor's affair."""
    outside = settings.model_copy(update={"postgres": PostgresSettings(dsn=SecretStr("fake"))})
    return stop_service(outside)


def all_gone(processes: list[psutil.Process]) -> bool:
    return all(has_ended(process) for process in processes)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = Settings(data_dir=tmp_path, http=HttpSettings(port=free_port()))
    yield settings
    state = RunDirectory(tmp_path).read()
    if state and (supervisor := state.supervisor.find()):
        kill(family_of(supervisor))
    kill(processes_of(tmp_path))


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """The fake PostgreSQL, the node and its worker, as far as they live."""
    named = []
    for file in (data_dir / "postmaster.pid", data_dir / "run" / "node.json"):
        if file.exists():
            content = json.loads(file.read_text())
            is_pid = isinstance(content, int)
            pids = [content] if is_pid else [content["pid"], *content["pids"].values()]
            for pid in pids:
                with contextlib.suppress(psutil.NoSuchProcess):
                    named.append(psutil.Process(pid))
    return [process for process in named if not has_ended(process)]


def test_a_started_service_is_ready_and_written_down(settings: Settings) -> None:
    url = start(settings)

    state = state_of(settings)
    assert (state.phase, state.url) == (Phase.READY, url)
    assert len(processes_of(settings.data_dir)) == 3


def test_a_second_start_finds_the_first(settings: Settings) -> None:
    start(settings)

    again = start_service(settings, supervisor_command=("false",))

    assert again.was_running


def test_down_ends_everything_that_was_started(settings: Settings) -> None:
    start(settings)
    processes = processes_of(settings.data_dir)

    assert stop(settings)

    assert all_gone(processes)
    assert live_state(settings.data_dir) is None


def test_down_is_content_when_nothing_runs(settings: Settings) -> None:
    assert not stop(settings)


def test_a_killed_node_is_started_again_without_leaving_its_worker(settings: Settings) -> None:
    start(settings)
    old = state_of(settings)
    worker = processes_of(settings.data_dir)[2]
    assert old.node is not None

    psutil.Process(old.node.pid).kill()

    eventually(lambda: state_of(settings).restarts == 1)
    eventually(lambda: state_of(settings).phase is Phase.READY)
    assert state_of(settings).node != old.node
    assert all_gone([worker])


def test_a_killed_postgres_is_started_again_under_the_same_node(settings: Settings) -> None:
    start(settings)
    node = state_of(settings).node
    server = processes_of(settings.data_dir)[0]

    server.kill()

    eventually(lambda: processes_of(settings.data_dir)[0].name() == "postgres")
    eventually(lambda: processes_of(settings.data_dir)[0].pid != server.pid)
    assert state_of(settings).node == node


def test_what_keeps_postgres_from_starting_again_is_told_until_it_does(settings: Settings) -> None:
    start(settings)
    (settings.data_dir / "full").touch()

    kill(processes_of(settings.data_dir)[:1])

    eventually(lambda: state_of(settings).error is not None)
    assert state_of(settings).error == "PostgreSQL does not start: its disk is full"
    (settings.data_dir / "full").unlink()
    eventually(lambda: state_of(settings).error is None)
    assert state_of(settings).phase is Phase.READY


def test_a_postgres_that_comes_up_after_its_start_was_given_up_is_no_trouble_any_more(
    settings: Settings,
) -> None:
    start(settings)
    (settings.data_dir / "slow").touch()

    kill(processes_of(settings.data_dir)[:1])

    log = RunDirectory(settings.data_dir).supervisor_log
    eventually(lambda: "postgres_not_started" in log.read_text())
    eventually(lambda: state_of(settings).error is None)


def test_a_postgres_that_is_killed_while_the_node_starts_is_started_again(
    settings: Settings,
) -> None:
    hesitation = settings.data_dir / "hesitate"
    hesitation.touch()
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(start, settings)
        eventually(lambda: has_node(settings))
        server = psutil.Process(int((settings.data_dir / "postmaster.pid").read_text()))
        server.kill()
        try:
            eventually(lambda: has_other_server(settings, server))
        finally:
            hesitation.unlink()
        starting.result()


def test_down_clears_up_after_a_killed_supervisor(settings: Settings) -> None:
    start(settings)
    state = state_of(settings)
    node_and_worker = processes_of(settings.data_dir)[1:]
    psutil.Process(state.supervisor.pid).kill()

    assert stop(settings)

    assert all_gone(node_and_worker)


def test_up_replaces_what_a_killed_supervisor_left(settings: Settings) -> None:
    start(settings)
    leftovers = processes_of(settings.data_dir)[1:]
    killed = psutil.Process(state_of(settings).supervisor.pid)
    killed.kill()
    killed.wait()

    start(settings)

    assert all_gone(leftovers)
    assert state_of(settings).phase is Phase.READY


def test_a_node_that_dies_on_start_fails_the_start_with_its_last_words(settings: Settings) -> None:
    (settings.data_dir / "refuse").touch()

    with pytest.raises(CannotStart, match="the model is missing: prepare it"):
        start(settings)

    assert processes_of(settings.data_dir) == []


def test_what_a_node_says_of_its_stores_is_told_in_one_sentence_at_start_and_by_status(
    settings: Settings,
) -> None:
    (settings.data_dir / "unusable").write_text("the index is another: choose a new name")

    with pytest.raises(CannotStart) as refused:
        start(settings)
    with pytest.raises(ServiceUnreachable) as unreachable:
        status(settings, Output(as_json=False))

    assert refused.value.message == unreachable.value.message
    assert refused.value.message.splitlines() == [
        "the service did not start: the index is another: choose a new name"
    ]


def test_status_tells_why_a_restarted_node_does_not_come_up(settings: Settings) -> None:
    start(settings)
    (settings.data_dir / "unusable").write_text("the index gives no answer: start it")
    node = state_of(settings).node
    assert node is not None

    psutil.Process(node.pid).kill()

    eventually(lambda: state_of(settings).restarts == 2)
    with pytest.raises(ServiceUnreachable, match="in vain: the index gives no answer: start it"):
        status(settings, Output(as_json=False))


def test_an_index_server_that_is_away_refuses_the_start_at_once(settings: Settings) -> None:
    nowhere = settings.model_copy(
        update={
            "search": SearchSettings(backend=SearchBackend.WEAVIATE),
            "weaviate": WeaviateSettings(url="http://127.0.0.1:1", grpc_port=2),
        }
    )

    with pytest.raises(CannotStart, match="gives no answer: start it, or correct HEADRACE_WEAV"):
        start(nowhere)

    assert live_state(settings.data_dir) is None


WRONG_DSN = "postgresql://user:hidden@127.0.0.1:1/headrace"
WRONG_DSN_FIX = (
    "the service did not start: PostgreSQL at 127.0.0.1:1 cannot be reached "
    f"([Errno {errno.ECONNREFUSED}] Connect call failed ('127.0.0.1', 1)): start it, or correct "
    "host and port in HEADRACE_POSTGRES__DSN"
)


def test_a_wrong_dsn_is_told_in_one_sentence_at_start_and_by_status(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_POSTGRES__DSN", WRONG_DSN)
    named = Settings(data_dir=settings.data_dir, http=settings.http)

    with pytest.raises(CannotStart) as refused:
        start_service(named)
    with pytest.raises(ServiceUnreachable) as unreachable:
        status(named, Output(as_json=False))

    assert refused.value.message == unreachable.value.message == WRONG_DSN_FIX
    assert not (settings.data_dir / "postgres").exists()


def test_a_terminated_supervisor_stops_what_it_has_started(settings: Settings) -> None:
    start(settings)

    psutil.Process(state_of(settings).supervisor.pid).send_signal(signal.SIGTERM)

    eventually(lambda: processes_of(settings.data_dir) == [])


def test_a_tied_supervisor_ends_with_its_parent(settings: Settings) -> None:
    program = (
        "from actors.settings import Settings;"
        "from serve_app.launcher import start_service;"
        f"start_service(Settings(), supervisor_command={FAKE!r}, tied_to_caller=True)"
    )
    environment = settings.child_environment()

    subprocess.run([sys.executable, "-c", program], env=environment, check=True)

    eventually(lambda: live_state(settings.data_dir) is None)
    assert processes_of(settings.data_dir) == []


def test_a_taken_port_is_refused_with_a_free_one(settings: Settings) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", settings.http.port))
        squatter.listen()

        with pytest.raises(CannotStart, match=r"is taken by another program; .* is free"):
            start(settings)


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()

    with pytest.raises(CannotStart, match=r"cannot write to .*--data-dir"):
        start(Settings(data_dir=tmp_path / "taken"))
