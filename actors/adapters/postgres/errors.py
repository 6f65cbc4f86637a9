"""The driver's errors, as the rest of the system knows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from domain.errors import StoreUnavailableError

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""All that the driver raises. ``InternalClientError`` is what a statement meets that finds the end
of its session half-read."""

UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""Lost or refused connections, shutdowns, timeouts, exhausted resources, deadlocks; and a driver
that has lost its place on a connection, as one that breaks in the middle of an answer leaves it."""


POOLER_CONFUSION = (
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.InvalidSQLStatementNameError,
)
POOLER_FIX = (
    "a pooler in transaction mode stands before PostgreSQL: set "
    "HEADRACE_POSTGRES__STATEMENT_CACHE_SIZE=0 and the way past it in HEADRACE_POSTGRES__DIRECT_DSN"
)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Let the driver's errors that may pass with time leave as ``StoreUnavailableError``."""
    try:
        yield
    except asyncpg.DiskFullError as error:
        raise StoreUnavailableError("the metadata store's disk is full: free some space") from error
    except POOLER_CONFUSION as error:
        raise StoreUnavailableError(POOLER_FIX) from error
    except UNAVAILABLE as error:
        raise StoreUnavailableError(_sentence(error)) from error
    except asyncpg.InterfaceError as error:
        # Also the class of closed connections and pools; what a caller got wrong is a ValueError.
        if isinstance(error, ValueError | TypeError):
            raise
        raise StoreUnavailableError(_sentence(error)) from error


def _sentence(error: BaseException) -> str:
    said = str(error).strip() or type(error).__name__
    return f"the metadata store gave no answer: {said}"
