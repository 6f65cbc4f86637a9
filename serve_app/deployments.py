"""The Ray Serve deployments of the embedded profile: every replica hosts the whole API."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve.config import BackpressureConfig
from ray.serve.schema import LoggingConfig

from actors.bootstrap import Services, open_breakers
from actors.breaker_hub import gossiping
from actors.logging import configure_logging
from actors.module_registry import ClusterModuleRegistry
from actors.namespace import ON_FIRST_NODE
from actors.settings import Settings
from domain.errors import ModelUnavailableError
from pipelines.cluster_maintenance import ClusterMaintenance
from pipelines.opening import services_once_there
from serve_app.api import create_app
from serve_app.context import Context
from serve_app.counting import count_together
from serve_app.replicas import replicas
from serve_app.run_state import RunDirectory

TURN_SECONDS = 0.0005
"""How long a thread may keep the interpreter while others wait for it. Searches and the model run
in threads and need it for moments; at Python's own 5 ms they wait longer than they work (sixteen
clients: 7 % more answers)."""

HEADROOM = 32
"""Requests that are always taken in: health, metrics, and those that are told to come back."""


@serve.ingress()
class ApiDeployment:
    """Builds the application in the replica; everything a query needs is in this process."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log)
        sys.setswitchinterval(TURN_SECONDS)
        count_together(RunDirectory(settings.data_dir).counts)
        self._settings = settings
        self._app: FastAPI | None = None

    def __serve_build_asgi_app__(self) -> FastAPI:
        self._app = create_app(
            self._open_services,
            open_modules=ClusterModuleRegistry,
            maintenance=ClusterMaintenance(),
        )
        return self._app

    @asynccontextmanager
    async def _open_services(self) -> AsyncIterator[Services]:
        breakers = open_breakers(self._settings)
        async with gossiping(breakers), services_once_there(self._settings, breakers) as services:
            yield services

    async def check_health(self) -> None:
        """Ask for what a new process would cure: the model and the event loop.

        A store that does not answer is no reason to start the replica again.
        """
        context: Context | None = getattr(self._app and self._app.state, "context", None)
        if context is not None:
            with contextlib.suppress(ModelUnavailableError):
                await asyncio.to_thread(context.services.embedder.embed, ["healthy"])

    async def end_streams(self) -> None:
        """Let those who follow events go: a stop waits for all requests, and theirs never end."""
        context: Context | None = getattr(self._app and self._app.state, "context", None)
        if context is not None:
            context.feed.stop()


def api_application(settings: Settings) -> Any:
    """The Serve application for these settings.

    The application has its own bounded queues, with answers of its own; Serve's are wider and
    only the last wall.
    """
    bound = most_requests(settings)
    deployment = serve.deployment(
        ApiDeployment,
        name="Api",
        **replicas(settings.http.max_replicas),
        max_ongoing_requests=bound + HEADROOM,
        max_queued_requests=bound,
        backpressure_config=BackpressureConfig(status_code=429, retry_after_s=1),
        graceful_shutdown_timeout_s=10,
        health_check_period_s=5,
        health_check_timeout_s=30,
        logging_config=LoggingConfig(enable_access_log=False, log_level="WARNING"),
        ray_actor_options={"num_cpus": 0.2, "resources": ON_FIRST_NODE},
    )
    return deployment.bind(settings)


def most_requests(settings: Settings) -> int:
    """Requests that all lanes of the application hold at most, working and waiting."""
    http = settings.http
    short = 2 * (http.max_ongoing_requests + http.max_queued_requests)
    return short + settings.events.max_streams
