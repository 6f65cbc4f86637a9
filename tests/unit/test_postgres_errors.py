"""Which of the driver's errors pass with time, and which are somebody's mistake."""

from __future__ import annotations

import asyncpg
import pytest

from actors.adapters.postgres.errors import translated_errors
from domain.errors import StoreUnavailableError


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("connection was closed"),
        asyncpg.InternalClientError("cannot switch to state 15; another operation is in progress"),
        asyncpg.ProtocolError("unexpected message"),
        asyncpg.InterfaceError("pool is closing"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        ConnectionResetError("reset by peer"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_pass_leaves_as_an_unavailable_store(error: Exception) -> None:
    with pytest.raises(StoreUnavailableError), translated_errors():
        raise error


@pytest.mark.parametrize(
    "error",
    [asyncpg.UniqueViolationError("duplicate key"), asyncpg.UndefinedTableError("no such table")],
    ids=lambda error: type(error).__name__,
)
def test_what_will_not_pass_leaves_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)), translated_errors():
        raise error
