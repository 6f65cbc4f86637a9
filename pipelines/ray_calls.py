"""Reaching the import workers, and what becomes of errors on the way."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

import ray

from actors.namespace import NAMESPACE
from domain.errors import WorkerDiedError, WorkerUnavailableError

T = TypeVar("T")


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
    return cause if isinstance(cause, Exception) else error
