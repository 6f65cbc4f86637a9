"""The node: one Ray, the import actors and the HTTP face in it. ``python -m serve_app.node``.

It ends with 0 when it was asked to, and with another status as soon as Ray has died under it, so
that the supervisor starts a new one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import psutil
import structlog

from actors.logging import configure_logging
from actors.settings import Settings
from domain.errors import HeadraceError
from serve_app.leftovers import end_leftovers, remove_old_sessions
from serve_app.process_tree import named
from serve_app.ray_environment import (
    find_free_ports,
    has_haproxy,
    ray_environment,
    ray_temp_dir,
    ray_token_file,
    serve_environment,
)
from serve_app.run_state import RunDirectory

log = structlog.get_logger(__name__)

OBJECT_STORE_BYTES = 200 * 1024 * 1024
"""Bytes travel by key, not through Ray's object store."""

MIN_LOGICAL_CPUS = 4
"""Actors ask for small parts of a core; a small machine needs slots, not cores."""

WATCH_SECONDS = 0.5
SHUTDOWN_SECONDS = 25.0
END_STREAMS_SECONDS = 2.0
SERVE_TRIES = 5
SERVE_AGAIN_SECONDS = 1.0
EXIT_STOPPED = 0
EXIT_NOT_STARTED = 1
EXIT_RAY_DIED = 3

RAY_CORE = {"raylet", "gcs_server"}

StartActors = Callable[[Settings], Mapping[str, int]]
MakeApplication = Callable[[Settings], Any]


def start_import_side(settings: Settings) -> Mapping[str, int]:
    """The index writer, the import workers and the conductor; returns their process ids.

    Raises:
        HeadraceError: an actor cannot reach or use a store; the message has the fix.
    """
    from ray.exceptions import RayTaskError

    from pipelines.cluster import start_actors
    from pipelines.ray_calls import root_cause

    try:
        return start_actors(settings)
    except RayTaskError as error:
        raise root_cause(error) from error


def make_api(settings: Settings) -> Any:
    from serve_app.deployments import api_application

    return api_application(settings)


class Node:
    """Starts Ray and Serve for one data directory, watches them, and stops them."""

    def __init__(
        self,
        settings: Settings,
        *,
        start_actors: StartActors = start_import_side,
        make_application: MakeApplication = make_api,
    ) -> None:
        self._settings = settings
        self._start_actors = start_actors
        self._make_application = make_application
        self._run_dir = RunDirectory(settings.data_dir)
        self._token_file = ray_token_file(settings.data_dir)
        self._temp_dir = ray_temp_dir(settings.data_dir)
        self._ports = find_free_ports()
        self._asked_to_stop = threading.Event()
        self._core: list[psutil.Process] = []
        self._ray_address = ""

    def run(self) -> int:
        """Serve until a signal comes or Ray dies; returns the exit status."""
        self._listen_for_signals()
        self._clear_the_way()
        os.environ.update(ray_environment(self._token_file))  # noqa: TID251 - Ray reads only this
        threading.Thread(target=self._leave_when_ray_dies, daemon=True).start()
        try:
            self._start()
            log.info("node_ready", url=_url(self._settings), haproxy=has_haproxy())
            self._asked_to_stop.wait()
        except HeadraceError as error:
            log.error("node_refused", error=error.message)
            with contextlib.suppress(OSError):  # a full disk may be the very reason
                self._run_dir.keep_refusal(error.message)
            return self._shut_down(EXIT_NOT_STARTED)
        except Exception:
            log.exception("node_failed")
            return self._shut_down(EXIT_NOT_STARTED)
        return self._shut_down(EXIT_STOPPED)

    def _listen_for_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._asked_to_stop.set())

    def _clear_the_way(self) -> None:
        if ended := end_leftovers(self._token_file):
            log.warning("leftovers_ended", processes=ended)
        remove_old_sessions(self._temp_dir)
        shutil.rmtree(self._run_dir.counts, ignore_errors=True)

    def _start(self) -> None:
        self._start_ray()
        actors = self._start_actors(self._settings)
        self._write_node_file(actors)
        self._start_serve_patiently()
        self._write_node_file(actors)

    def _start_ray(self) -> None:
        import ray

        ray.init(
            address="local",
            num_cpus=max(MIN_LOGICAL_CPUS, os.cpu_count() or 1),
            num_gpus=0,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            namespace="headrace",
            configure_logging=False,
            _temp_dir=str(self._temp_dir),
        )
        # Ray installs handlers of its own, which would end this process at once.
        self._listen_for_signals()
        self._core = [child for child in psutil.Process().children() if child.name() in RAY_CORE]
        self._ray_address = ray.get_runtime_context().gcs_address
        self._write_node_file({})

    def _start_serve(self) -> None:
        from ray import serve
        from ray.serve.schema import LoggingConfig

        http = self._settings.http
        environment = serve_environment(self._temp_dir, self._ports, haproxy=has_haproxy())
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": socket.gethostbyname(http.host), "port": http.port},
            logging_config=LoggingConfig(enable_access_log=False, log_level="WARNING"),
            controller_options={"runtime_env": {"env_vars": environment}},
        )
        serve.run(self._make_application(self._settings), name="headrace", route_prefix="/")

    def _start_serve_patiently(self) -> None:
        """A proxy or controller that is killed while it starts is started again by Serve."""
        import ray

        for _ in range(SERVE_TRIES - 1):
            try:
                self._start_serve()
                return
            except (ray.exceptions.RayError, TimeoutError) as error:
                log.warning("serve_start_repeated", error=str(error).splitlines()[-1])
                time.sleep(SERVE_AGAIN_SECONDS)
        self._start_serve()

    def _write_node_file(self, actors: Mapping[str, int]) -> None:
        """Say who runs, for the supervisor and for whoever has to clean up after both."""
        started = named(psutil.Process().children(recursive=True))
        text = orjson.dumps(
            {
                "pid": os.getpid(),
                "pids": {**started, **actors},
                "ray_temp_dir": str(self._temp_dir),
                "ray_address": self._ray_address,
                "url": _url(self._settings),
                "ports": {"http": self._settings.http.port, **self._ports.to_json()},
            },
            option=orjson.OPT_INDENT_2,
        )
        path = self._run_dir.node_file
        fresh = path.with_suffix(".new")
        fresh.write_bytes(text)
        os.replace(fresh, path)

    def _leave_when_ray_dies(self) -> None:
        """Exit from a thread of its own: the main one may hang in a call to a dead Ray."""
        while not self._asked_to_stop.wait(WATCH_SECONDS):
            if any(not _lives(process) for process in self._core):
                log.error("ray_died")
                end_leftovers(self._token_file)
                self._kill_children()
                os._exit(EXIT_RAY_DIED)

    def _shut_down(self, status: int) -> int:
        """Stop Serve, then Ray; what does not stop in time is killed."""
        self._asked_to_stop.set()
        watchdog = threading.Timer(SHUTDOWN_SECONDS, self._give_up_waiting, [status])
        watchdog.daemon = True
        watchdog.start()
        import ray
        from ray import serve

        # Without a running Ray, stopping Serve would start one.
        if ray.is_initialized():
            with contextlib.suppress(Exception):
                _end_streams()
            with contextlib.suppress(Exception):
                serve.shutdown()
            with contextlib.suppress(Exception):
                ray.shutdown()
        watchdog.cancel()
        self._kill_children()
        end_leftovers(self._token_file)
        return status

    def _give_up_waiting(self, status: int) -> None:
        log.error("shutdown_overdue", seconds=SHUTDOWN_SECONDS)
        self._kill_children()
        end_leftovers(self._token_file)
        os._exit(status)

    def _kill_children(self) -> None:
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


def _end_streams() -> None:
    """Those who follow events would hold up the stop: Serve waits for every request."""
    from ray import serve

    api = serve.get_deployment_handle("Api", app_name="headrace")
    api.end_streams.remote().result(timeout_s=END_STREAMS_SECONDS)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _url(settings: Settings) -> str:
    return f"http://{settings.http.host}:{settings.http.port}"


def main() -> int:
    """Run the node that the environment describes."""
    settings = Settings()
    configure_logging(settings.log)
    return Node(settings).run()


if __name__ == "__main__":
    sys.exit(main())
