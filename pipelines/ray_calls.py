"""Reaching the import workers, and what becomes of errors on the way."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Any, TypeVar

import ray

from actors.namespace import NAMESPACE
from domain.errors import RetryableError, WorkerDiedError, WorkerUnavailableError

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
