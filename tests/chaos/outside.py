"""Stores that the service did not start: PostgreSQL and Redis, each behind a bad network."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from actors.adapters.postgres.server import DATABASE, SUPERUSER, EmbeddedPostgres
from domain.errors import StoreUnavailableError
from tests.chaos.keeper import Keeper
from tests.chaos.tcp_proxy import TcpProxy
from tests.redis_server import PrivateRedis

log = structlog.get_logger(__name__)

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
"""Where Debian's package libfaketime puts it."""


class KeptPostgres(EmbeddedPostgres):
    """The server of a data directory, kept running by a thread, as an init system would.

    Where libfaketime is installed, its clock can be moved; its monotonic clock never is.
    """

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self._clock = data_dir / "database_clock"
        self._clock.write_text("+0")
        self._clock.chmod(0o644)
        if FAKETIME.exists():
            variables = {
                "LD_PRELOAD": str(FAKETIME),
                "FAKETIME_TIMESTAMP_FILE": str(self._clock),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
            self._account = replace(
                self._account, environment={**self._account.environment, **variables}
            )
        self._keeper = Keeper(self._look_after)

    @property
    def socket(self) -> Path:
        return self._socket_directory / ".s.PGSQL.5432"

    @contextmanager
    def clock_moved(self, seconds: float) -> Iterator[None]:
        """Its wall clock jumps by so much when the block begins, and back when it ends."""
        self._clock.write_text(f"{seconds:+g}")
        try:
            yield
        finally:
            self._clock.write_text("+0")

    def start_keeping(self) -> None:
        self.start()
        self._keeper.start()

    def stop_keeping(self) -> None:
        self._keeper.stop()
        self.stop()

    def _look_after(self) -> None:
        try:
            if not self.is_running():
                self.start()
        except StoreUnavailableError as error:
            log.warning("postgres_not_started", error=error.message)


class OutsideStores:
    """PostgreSQL, on the cluster of a data directory, and Redis; ``settings`` lead to them.

    Where Redis is not installed the service does without.
    """

    def __init__(self, data_dir: Path) -> None:
        self.postgres = KeptPostgres(data_dir)
        self.redis = PrivateRedis(data_dir)
        self.to_postgres = TcpProxy(self.postgres.socket)
        self.to_redis = TcpProxy(self.redis.port)
        self._redis_in_hand = threading.Lock()
        self._started = ExitStack()

    @property
    def settings(self) -> dict[str, str]:
        dsn = f"postgresql://{SUPERUSER}@127.0.0.1:{self.to_postgres.port}/{DATABASE}"
        if not PrivateRedis.is_installed():
            return {"HEADRACE_POSTGRES__DSN": dsn}
        return {
            "HEADRACE_POSTGRES__DSN": dsn,
            "HEADRACE_CACHE__BACKEND": "redis",
            "HEADRACE_CACHE__URL": f"redis://127.0.0.1:{self.to_redis.port}/0",
        }

    def restart_redis(self, *, after_seconds: float) -> None:
        """Kill it, and start it again on the same port; nothing is kept."""
        with self._redis_in_hand:
            self.redis.stop()
            time.sleep(after_seconds)
            self.redis.start()

    def start(self) -> None:
        self.postgres.start_keeping()
        self._started.callback(self.postgres.stop_keeping)
        if PrivateRedis.is_installed():
            self.redis.start()
            self._started.callback(self.redis.stop)
        for proxy in (self.to_postgres, self.to_redis):
            proxy.start()
            self._started.callback(proxy.stop)

    def stop(self) -> None:
        self._started.close()
