"""The metadata store on PostgreSQL."""

from __future__ import annotations

from actors.adapters.postgres.arriving import PostgresArrivingRecords
from actors.adapters.postgres.connecting import CONNECT_SECONDS, PREPARED_STATEMENTS
from actors.adapters.postgres.database import Database
from actors.adapters.postgres.entities import PostgresEntities
from actors.adapters.postgres.events import PostgresEventLog
from actors.adapters.postgres.files import PostgresFileImports
from actors.adapters.postgres.full_text import PostgresFullText
from actors.adapters.postgres.history import PostgresQueryHistory
from actors.adapters.postgres.identifier_lookup import PostgresIdentifierLookup
from actors.adapters.postgres.index_contents import PostgresIndexContents
from actors.adapters.postgres.indexes import PostgresSearchIndexes
from actors.adapters.postgres.journal import PostgresEventJournal
from actors.adapters.postgres.linking import PostgresLinking
from actors.adapters.postgres.listening import Listener
from actors.adapters.postgres.modules import PostgresModuleStore
from actors.adapters.postgres.names import PostgresNames
from actors.adapters.postgres.passages import PostgresPassageGroups
from actors.adapters.postgres.queue import PostgresWorkQueue
from actors.adapters.postgres.reconciliation import PostgresReconciliation
from actors.adapters.postgres.records import PostgresRecords
from actors.adapters.postgres.slices import PostgresSliceLedger
from actors.adapters.postgres.uploads import PostgresUploadLog


class PostgresMetadataStore:
    """All parts on one pool. It belongs to the event loop that opened it."""

    def __init__(self, database: Database, *, listen_dsn: str) -> None:
        self._database = database
        self._listener = Listener(listen_dsn)
        self.files = PostgresFileImports(database)
        self.queue = PostgresWorkQueue(database)
        self.slices = PostgresSliceLedger(database)
        self.records = PostgresRecords(database)
        self.names = PostgresNames(database)
        self.linking = PostgresLinking(database)
        self.entities = PostgresEntities(database)
        self.groups = PostgresPassageGroups(database)
        self.events = PostgresEventLog(database, self._listener)
        self.journal = PostgresEventJournal(database, self._listener)
        self.history = PostgresQueryHistory(database)
        self.modules = PostgresModuleStore(database)
        self.uploads = PostgresUploadLog(database)
        self.full_text = PostgresFullText(database)
        self.arriving = PostgresArrivingRecords(database)
        self.identifiers = PostgresIdentifierLookup(database)
        self.indexes = PostgresSearchIndexes(database)
        self.contents = PostgresIndexContents(database)
        self.reconciliation = PostgresReconciliation(database)

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        pool_max_size: int = 8,
        statement_timeout_seconds: float = 30.0,
        connect_timeout_seconds: float = CONNECT_SECONDS,
        statement_cache_size: int = PREPARED_STATEMENTS,
        listen_dsn: str | None = None,
    ) -> PostgresMetadataStore:
        """Connect to a migrated database.

        ``listen_dsn`` leads to it past a pooler that lets nobody listen.

        Raises:
            StoreUnavailableError: no answer; the message says why and the fix.
        """
        database = await Database.open(
            dsn,
            pool_max_size=pool_max_size,
            statement_timeout_seconds=statement_timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
            statement_cache_size=statement_cache_size,
        )
        return cls(database, listen_dsn=listen_dsn or dsn)

    async def ping(self) -> None:
        await self._database.fetch("SELECT 1")

    async def close(self) -> None:
        await self._listener.close()
        await self._database.close()
