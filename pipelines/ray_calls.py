"""Reaching the import workers, and what becomes of errors on the way."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

import ray
import structlog

from actors.namespace import NAMESPACE
from domain.errors import RetryableError, WorkerDiedError, WorkerUnavailableError

log = structlog.get_logger(__name__)

T = TypeVar("T")

AGAIN_SECONDS = 0.2
PING_SECONDS = 20.0
STORES_SECONDS = 20.0
"""A PostgreSQL that was killed is back by then."""


def worker_name(number: int) -> str:
    return f"ingest_worker_{number}"


async def living_worker(number: int) -> Any:
    """The worker, known to be up: what fails after this is a death that happened after it.

    Raises:
        WorkerUnavailableError: it is (re)starting.
    """
    try:
        worker = ray.get_actor(worker_name(number), namespace=NAMESPACE)
        await worker.ping.remote()
    except ray.exceptions.RayTaskError as error:
        raise root_cause(error) from error
    except (ray.exceptions.RayError, ValueError) as error:
        raise WorkerUnavailableError(f"import worker {number} is starting") from error
    return worker


def process_of(actor: Any, *, deadline: float) -> int:
    """The answer to ``ping`` of an actor that is starting, its process id.

    It is asked again when it is killed meanwhile, which Ray mends, and when no answer comes: a
    call may be lost with the process that had it. Stores that are away are waited for a moment
    only, as they may be wrong settings.

    ``deadline`` is monotonic; after it, whatever the last try ended in is raised.
    """
    stores_deadline: float | None = None
    while True:
        try:
            pid: int = ray.get(actor.ping.remote(), timeout=PING_SECONDS)
            return pid
        except ray.exceptions.RayTaskError as error:
            stores_deadline = stores_deadline or time.monotonic() + STORES_SECONDS
            is_passing = isinstance(root_cause(error), RetryableError)
            if not is_passing or time.monotonic() > min(stores_deadline, deadline):
                raise
            log.warning("stores_awaited", error=str(root_cause(error)))
        except (ray.exceptions.ActorUnavailableError, ray.exceptions.GetTimeoutError) as error:
            if time.monotonic() > deadline:
                raise
            log.warning("actor_awaited", error=str(error).splitlines()[-1])
        time.sleep(AGAIN_SECONDS)


async def translated(call: Awaitable[T], who: str) -> T:
    """Await a Ray call; raise what it raised there, or ``WorkerDiedError``."""
    try:
        return await call
    except ray.exceptions.RayTaskError as error:
        raise root_cause(error) from error
    except ray.exceptions.RayError as error:
        raise WorkerDiedError(f"{who} died: {type(error).__name__}") from error


def root_cause(error: ray.exceptions.RayTaskError) -> Exception:
    """The error that was raised first, however many Ray tasks it came through."""
    cause: Any = error
    while isinstance(cause, ray.exceptions.RayTaskError):
        cause = cause.cause
    if isinstance(cause, ray.exceptions.UserCodeException):
        # Ray Data raises this from ours, and the link to it is lost between processes.
        return retryable_named_in(str(error)) or cause
    return cause if isinstance(cause, Exception) else error


def retryable_named_in(traceback: str) -> RetryableError | None:
    """The last of our passing errors that a traceback tells of, with its message."""
    passing: list[type[RetryableError]] = [RetryableError, *RetryableError.__subclasses__()]
    kinds = {kind.__name__: kind for kind in passing}
    told = re.findall(r"^domain\.errors\.(\w+): (.*)$", traceback, re.MULTILINE)
    return next((kinds[name](said) for name, said in reversed(told) if name in kinds), None)
