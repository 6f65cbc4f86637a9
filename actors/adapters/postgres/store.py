"""The metadata store on PostgreSQL."""

from __future__ import annotations

from actors.adapters.postgres.database import Database
from actors.adapters.postgres.events import PostgresEventLog
from actors.adapters.postgres.files import PostgresFileImports
from actors.adapters.postgres.full_text import PostgresFullText
from actors.adapters.postgres.history import PostgresQueryHistory
from actors.adapters.postgres.modules import PostgresModuleStore
from actors.adapters.postgres.names import PostgresNames
from actors.adapters.postgres.passages import PostgresPassageGroups
from actors.adapters.postgres.queue import PostgresWorkQueue
from actors.adapters.postgres.records import PostgresRecords
from actors.adapters.postgres.slices import PostgresSliceLedger


class PostgresMetadataStore:
    """All parts on one pool. It belongs to the event loop that opened it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.files = PostgresFileImports(database)
        self.queue = PostgresWorkQueue(database)
        self.slices = PostgresSliceLedger(database)
        self.records = PostgresRecords(database)
        self.names = PostgresNames(database)
        self.groups = PostgresPassageGroups(database)
        self.events = PostgresEventLog(database)
        self.history = PostgresQueryHistory(database)
        self.modules = PostgresModuleStore(database)
        self.full_text = PostgresFullText(database)

    @classmethod
    async def open(
        cls, dsn: str, *, pool_max_size: int = 8, statement_timeout_seconds: float = 30.0
    ) -> PostgresMetadataStore:
        """Connect to a migrated database.

        Raises:
            StoreUnavailableError: no answer.
        """
        return cls(
            await Database.open(
                dsn,
                pool_max_size=pool_max_size,
                statement_timeout_seconds=statement_timeout_seconds,
            )
        )

    async def ping(self) -> None:
        await self._database.fetch("SELECT 1")

    async def close(self) -> None:
        await self.events.close()
        await self._database.close()
