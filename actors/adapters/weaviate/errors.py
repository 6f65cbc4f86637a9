"""Weaviate's errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from grpc import RpcError
from httpx import HTTPError
from weaviate.exceptions import (
    AuthenticationFailedError,
    InsufficientPermissionsError,
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateConnectionError,
    WeaviateStartUpError,
)

from domain.errors import IndexUnavailableError

MAX_REASON_CHARS = 300

_READ_ONLY = ("read-only", "READONLY", "read only")
_GONE = ("could not find class", "class not found", "could not find collection")
_UNREACHABLE = ("UNAVAILABLE", "failed to connect", "Connection refused")


@contextmanager
def translated(url: str, action: str) -> Iterator[None]:
    """Raise what the client reports as ``IndexUnavailableError``, with the fix."""
    try:
        yield
    except TimeoutError as error:
        raise IndexUnavailableError(
            f"Weaviate at {url} did not {action} in time: see whether it is overloaded, or raise "
            "the HEADRACE_WEAVIATE__…_TIMEOUT_SECONDS",
            url=url,
        ) from error
    except (WeaviateBaseError, HTTPError, RpcError, OSError, ValueError) as error:
        raise IndexUnavailableError(_sentence(url, action, error), url=url) from error


def refusal(url: str, reason: str) -> str:
    """What is to be said when Weaviate answers, but does not take chunks."""
    if any(sign in reason for sign in _READ_ONLY):
        return (
            f"Weaviate at {url} accepts no writes, as its disk is nearly full: free some space; "
            "if that does not help, set its shards to READY"
        )
    return f"Weaviate at {url} refused chunks: {_brief(reason)}"


def gone(url: str) -> str:
    """What is to be said when the collection is no longer there."""
    return (
        f"Weaviate at {url} has lost the collection: restart the service, which makes a new one, "
        "and replay the files"
    )


def _sentence(url: str, action: str, error: Exception) -> str:
    reason = f"{type(error).__name__}: {error}"
    if _is_forbidden(error, reason):
        return (
            f"Weaviate at {url} does not let us {action}: set HEADRACE_WEAVIATE__API_KEY to the "
            "key of a user who may"
        )
    if any(sign in reason for sign in _GONE):
        return gone(url)
    if any(sign in reason for sign in _READ_ONLY):
        return refusal(url, reason)
    if _is_absent(error, reason):
        return (
            f"Weaviate at {url} gives no answer: start it, or correct HEADRACE_WEAVIATE__URL "
            "and HEADRACE_WEAVIATE__GRPC_PORT"
        )
    return f"Weaviate at {url} could not {action}: {_brief(reason)}"


def _is_forbidden(error: Exception, reason: str) -> bool:
    if isinstance(error, AuthenticationFailedError | InsufficientPermissionsError):
        return True
    if isinstance(error, UnexpectedStatusCodeError) and error.status_code in (401, 403):
        return True
    return "UNAUTHENTICATED" in reason or "unauthorized" in reason.lower()


def _is_absent(error: Exception, reason: str) -> bool:
    if isinstance(error, HTTPError | WeaviateConnectionError | WeaviateStartUpError):
        return True
    return any(sign in reason for sign in _UNREACHABLE)


def _brief(reason: str) -> str:
    return " ".join(reason.split())[:MAX_REASON_CHARS]
