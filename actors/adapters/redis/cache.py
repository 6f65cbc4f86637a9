"""A cache in Redis, shared by every process of a service."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from domain.errors import CacheUnavailableError, FatalImportError

SETTING = "HEADRACE_CACHE__URL"


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Where Redis is, and how patient its callers are. What the URL names goes first."""

    url: str = field(repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    prefix: str = "headrace:"
    connect_timeout_seconds: float = 0.5
    operation_timeout_seconds: float = 0.25
    pool_max_size: int = 16


class RedisCache:
    """Connects when it is first asked; a failure is told at once.

    A connection that was lost is made anew once, as every call may be repeated. Nothing else is
    tried again: whoever asks can do without. No call takes longer than both timeouts together.
    Belongs to one event loop.
    """

    def __init__(self, options: RedisOptions) -> None:
        """Raises ``FatalImportError`` if the URL cannot be read, or its authorities' file."""
        self._prefix = options.prefix
        self._address = _address_of(options.url)
        self._limit_seconds = options.connect_timeout_seconds + options.operation_timeout_seconds
        self._redis = Redis.from_pool(_pool_of(options))

    async def get(self, key: str) -> bytes | None:
        async with self._explained():
            # Answers are not decoded, so they are bytes.
            return cast("bytes | None", await self._redis.get(self._prefix + key))

    async def set(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        milliseconds = int(ttl_seconds * 1000)
        if milliseconds <= 0:
            await self.delete(key)
            return
        async with self._explained():
            await self._redis.set(self._prefix + key, value, px=milliseconds)

    async def delete(self, key: str) -> None:
        async with self._explained():
            await self._redis.delete(self._prefix + key)

    async def ping(self) -> None:
        async with self._explained():
            await self._redis.ping()

    async def close(self) -> None:
        async with self._explained():
            await self._redis.aclose()

    @asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        """Bound a call in time, and let its failure leave as one sentence with the fix."""
        try:
            async with asyncio.timeout(self._limit_seconds):
                yield
        except (exceptions.RedisError, OSError) as error:
            raise CacheUnavailableError(_sentence(error, self._address)) from error


def _pool_of(options: RedisOptions) -> BlockingConnectionPool:
    """Bounded, so that a Redis that is away is not stormed by connections."""
    given: dict[str, Any] = {
        "username": options.username,
        "password": options.password,
        "ssl_ca_certs": str(options.ca_file) if options.ca_file else None,
    }
    if options.url.startswith("rediss:"):
        given["ssl_check_hostname"] = True
    else:
        del given["ssl_ca_certs"]
    try:
        if options.ca_file and not options.ca_file.is_file():
            raise FatalImportError(f"HEADRACE_CACHE__CA_FILE names no file: {options.ca_file}")
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            options.url,
            max_connections=options.pool_max_size,
            timeout=options.operation_timeout_seconds,
            socket_connect_timeout=options.connect_timeout_seconds,
            socket_timeout=options.operation_timeout_seconds,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)),
            client_name="headrace",
            **{name: value for name, value in given.items() if value is not None},
        )
    except ValueError as error:
        raise FatalImportError(
            f"{SETTING} cannot be read: write redis://host:6379/0, rediss://host:6379/0 with TLS, "
            "or unix:///path, and special characters in its password as %40 for @, %2F for /"
        ) from error
    return pool


def _address_of(url: str) -> str:
    """What may be shown of the URL."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return parts.path
        return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    except ValueError:
        return "an unreadable address"


def _sentence(error: Exception, address: str) -> str:
    if isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError):
        return f"Redis at {address} refuses the password: correct HEADRACE_CACHE__PASSWORD"
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        return f"Redis at {address} gave no answer in time"
    if isinstance(error.__context__, ssl.SSLCertVerificationError):
        return (
            f"the certificate of Redis at {address} is not trusted "
            f"({error.__context__.verify_message}): name its authority in HEADRACE_CACHE__CA_FILE"
        )
    said = (str(error).splitlines() or [""])[0].rstrip(".") or type(error).__name__
    if isinstance(error, exceptions.ResponseError):
        return f"Redis at {address} refuses: {said}"
    return f"Redis at {address} cannot be reached ({said}): start it, or correct {SETTING}"
