"""One connection to the server that a DSN names, and a sentence where there is none."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from actors.adapters.postgres.errors import DRIVER_ERRORS, POOLER_FIX
from domain.errors import StoreUnavailableError

CONNECT_SECONDS = 10.0
SETTING = "HEADRACE_POSTGRES__DSN"
PREPARED_STATEMENTS = 100
"""asyncpg's own default; 0 prepares none, as a pooler in transaction mode may need."""


@dataclass(frozen=True, slots=True)
class Address:
    """What may be shown of a DSN: everything but its password."""

    host: str
    port: int | None
    database: str
    user: str

    @classmethod
    def of(cls, dsn: str) -> Address:
        """Never fails: of what cannot be read, nothing is shown."""
        try:
            parts = urlsplit(dsn)
            given = {name: values[0] for name, values in parse_qs(parts.query).items()}
            user = unquote(parts.username or "") or given.get("user", "")
            return cls(
                host=given.get("host") or parts.hostname or "",
                port=int(given["port"]) if "port" in given else parts.port,
                database=parts.path.removeprefix("/") or given.get("dbname") or user,
                user=user,
            )
        except ValueError:
            return cls("", None, "", "")

    def __str__(self) -> str:
        host = self.host or "this machine"
        return f"{host}:{self.port}" if self.port else host


@contextmanager
def explained_connecting(
    dsn: str, *, timeout_seconds: float = CONNECT_SECONDS, setting: str = SETTING
) -> Iterator[None]:
    """Let whatever keeps a connection from being made leave as one sentence with the fix.

    Raises:
        StoreUnavailableError: whoever corrects the cause need not start anything again.
    """
    try:
        yield
    except asyncpg.ClientConfigurationError as error:
        raise StoreUnavailableError(_unreadable(error, setting)) from error
    except DRIVER_ERRORS as error:
        address = Address.of(dsn)
        said = _cause_of(error, address, timeout_seconds)
        raise StoreUnavailableError(said.replace(SETTING, setting)) from error
    except ValueError as error:
        # Of a port that is no number, or a host that is no name; it may quote the password.
        raise StoreUnavailableError(_unreadable(None, setting)) from error


async def connect(
    dsn: str,
    *,
    timeout_seconds: float = CONNECT_SECONDS,
    statement_cache_size: int = PREPARED_STATEMENTS,
    setting: str = SETTING,
) -> asyncpg.Connection[asyncpg.Record]:
    """Raises ``StoreUnavailableError`` naming ``setting``, which the DSN comes from."""
    with explained_connecting(dsn, timeout_seconds=timeout_seconds, setting=setting):
        return await asyncpg.connect(
            dsn, timeout=timeout_seconds, statement_cache_size=statement_cache_size
        )


def _unreadable(error: Exception | None, setting: str) -> str:
    said = str(error) if error else ""
    if "certificate" in said or "sslmode" in said:
        return f"{setting} cannot be used: {said.splitlines()[0].rstrip('.')}"
    return (
        f"{setting} cannot be read: write postgresql://user:password@host:port/database, "
        "and special characters in the password as %40 for @, %2F for /, %3A for :"
    )


def _cause_of(error: Exception, address: Address, timeout_seconds: float) -> str:
    for kind, sentence in CAUSES:
        if isinstance(error, kind):
            return sentence(error, address)
    if isinstance(error, TimeoutError):
        return (
            f"PostgreSQL at {address} gave no answer in {timeout_seconds:g} s: correct host and "
            f"port in {SETTING}, or let the firewall pass"
        )
    said = _first_line(error) or type(error).__name__
    if "rejected SSL upgrade" in said:
        return f"PostgreSQL at {address} speaks no TLS: let it, or correct sslmode in {SETTING}"
    return (
        f"PostgreSQL at {address} cannot be reached ({said}): start it, or correct host and port "
        f"in {SETTING}"
    )


def _password(_: Exception, at: Address) -> str:
    return f"PostgreSQL at {at} refuses the user {at.user!r} with this password: correct {SETTING}"


def _admission(error: Exception, at: Address) -> str:
    return (
        f"PostgreSQL at {at} does not let the user {at.user!r} into the database "
        f"{at.database!r} ({_first_line(error)}): correct {SETTING}, or the server's pg_hba.conf"
    )


def _no_database(_: Exception, at: Address) -> str:
    return (
        f"PostgreSQL at {at} has no database {at.database!r}: create it there by "
        f"CREATE DATABASE {at.database}, or correct {SETTING}"
    )


def _no_right(_: Exception, at: Address) -> str:
    return (
        f"the user {at.user!r} may not connect to the database {at.database!r} at {at}: "
        f"GRANT CONNECT ON DATABASE {at.database} TO {at.user}"
    )


def _no_room(_: Exception, at: Address) -> str:
    return (
        f"PostgreSQL at {at} has no connection left: raise its max_connections, or lower "
        "HEADRACE_POSTGRES__POOL_MAX_SIZE"
    )


def _not_now(_: Exception, at: Address) -> str:
    return f"PostgreSQL at {at} is starting or stopping: wait a little"


def _parameters(error: Exception, at: Address) -> str:
    return (
        f"what answers at {at} refuses the connection's parameters ({_first_line(error)}): "
        "behind PgBouncer set ignore_startup_parameters = statement_timeout"
    )


def _pooler(_: Exception, __: Address) -> str:
    return POOLER_FIX


def _certificate(error: Exception, at: Address) -> str:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else ""
    return (
        f"the certificate of PostgreSQL at {at} is not trusted ({reason}): name its authority by "
        f"sslrootcert=FILE, and the host as the certificate does, in {SETTING}"
    )


def _tls(error: Exception, at: Address) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else ""
    return f"no TLS with PostgreSQL at {at} ({reason}): correct sslmode in {SETTING}"


def _unknown_host(_: Exception, at: Address) -> str:
    return f"the host {at.host!r} of {SETTING} is not known: correct it, or the name service"


def _missing_file(_: Exception, at: Address) -> str:
    if at.host.startswith("/"):
        return f"no PostgreSQL listens in {at.host}: start it, or correct {SETTING}"
    return f"a file that {SETTING} names for TLS is not there: correct its path"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".")


Sentence = Callable[[Exception, Address], str]
CAUSES: tuple[tuple[type[Exception], Sentence], ...] = (
    (asyncpg.InvalidPasswordError, _password),
    (asyncpg.InvalidAuthorizationSpecificationError, _admission),
    (asyncpg.InvalidCatalogNameError, _no_database),
    (asyncpg.InsufficientPrivilegeError, _no_right),
    (asyncpg.TooManyConnectionsError, _no_room),
    (asyncpg.CannotConnectNowError, _not_now),
    (asyncpg.ProtocolViolationError, _parameters),
    (asyncpg.DuplicatePreparedStatementError, _pooler),
    (asyncpg.InvalidSQLStatementNameError, _pooler),
    (ssl.SSLCertVerificationError, _certificate),
    (ssl.SSLError, _tls),
    (socket.gaierror, _unknown_host),
    (FileNotFoundError, _missing_file),
)
"""The first that fits is told; those of asyncpg are the server's own answers."""
