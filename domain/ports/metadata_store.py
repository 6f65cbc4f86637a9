"""Files, their slices, records, events: the truth that everything else is checked against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from domain.ledger import Ledger
from domain.models.events import Event
from domain.models.files import (
    Claim,
    DeadLetter,
    FileImport,
    FileReport,
    ImportTotals,
    NewFileImport,
    ProcessingStatus,
    Slice,
    StoredObject,
)
from domain.models.ids import FileId, ObjectKey, RecordId
from domain.models.records import (
    IndexedRecord,
    Record,
    RejectedItem,
    Rendering,
    StagedRecord,
    StoredRecord,
)
from domain.ports.arriving import ArrivingRecords
from domain.ports.entities import Entities
from domain.ports.event_journal import EventJournal
from domain.ports.full_text import FullText
from domain.ports.identifier_lookup import IdentifierLookup
from domain.ports.linking import Linking
from domain.ports.modules import ModuleStore
from domain.ports.passage_groups import PassageGroups
from domain.ports.query_history import QueryHistory
from domain.ports.reconciliation import Reconciliation
from domain.ports.search_indexes import IndexContents, SearchIndexes
from domain.ports.upload_log import UploadLog
from domain.ports.work_queue import EventLog, WorkQueue


class FileImports(Protocol):
    """The rows of ``file_imports``."""

    async def create(self, upload: NewFileImport) -> FileImport:
        """Insert a ``pending`` file and its ``file_uploaded`` event in one transaction.

        A repeat with the same ``file_id`` returns the row that is there.
        """
        ...

    async def get(self, file_id: FileId) -> FileReport:
        """Raises ``NotFoundError``."""
        ...

    async def find(self, file_id: FileId) -> FileImport:
        """The file alone, for who needs neither ledger nor progress, which cost much more.

        Raises:
            NotFoundError.
        """
        ...

    async def list(
        self,
        *,
        limit: int = 100,
        before: datetime | None = None,
        status: ProcessingStatus | None = None,
    ) -> Sequence[FileReport]:
        """Newest upload first; ``before`` is the last row's ``uploaded_at`` of the page before."""
        ...

    async def describe(
        self, file_id: FileId, *, source_type: str, parser: str, metadata: Mapping[str, Any]
    ) -> None:
        """Keep what validation found out."""
        ...

    async def transition(
        self,
        file_id: FileId,
        to: ProcessingStatus,
        *,
        claim: Claim | None = None,
        error: str | None = None,
        event: Event | None = None,
    ) -> FileImport:
        """Move to ``to`` by the rules of ``domain.file_states``, with ``event`` in the outbox.

        One transaction. Sets ``processing_started_at`` on the first ``processing`` of a run and
        ``processing_completed_at`` on a final status. Moving to the present status writes nothing.

        Raises:
            NotFoundError, ConflictError.
            LeaseLostError: ``claim`` was given and is not the newest.
        """
        ...

    async def restart(self, file_id: FileId) -> FileImport:
        """Begin a new run of a finished file: ``run`` + 1, no slices, no error, no dead letters or
        events, ``pending``, a fresh ``file_uploaded`` event. Raises ``ConflictError`` if not
        finished.
        """
        ...

    async def forget(self, file_id: FileId) -> None:
        """Remove a ``deleting`` file's row and all that hangs on it.

        Raises:
            ConflictError: it is not ``deleting``, or still has records.
        """
        ...

    async def earlier(self, file_id: FileId) -> Sequence[FileId]:
        """Files of the same name and source type that were uploaded before, oldest first.

        Those that are being deleted are left out.
        """
        ...

    async def dead_letters(self, file_id: FileId, *, limit: int = 100) -> Sequence[DeadLetter]: ...

    def reclaiming(self, key: ObjectKey, *, besides: FileId) -> AbstractAsyncContextManager[bool]:
        """Whether no file stands on the object besides one; while inside, none can begin to.

        The caller removes the object inside the block. A ``create`` that had to wait finds the
        object gone afterwards: who creates a file looks for its object once more.
        """
        ...

    def moving(self, file_id: FileId, to: StoredObject) -> AbstractAsyncContextManager[None]:
        """The file stands on ``to`` on a clean exit; while inside, nobody reclaims that object.

        The caller makes sure inside the block that the object is there.

        Raises:
            NotFoundError: no such file.
            ConflictError: the file is being deleted.
        """
        ...

    async def totals(self) -> ImportTotals:
        """What metrics show; cheap enough to be asked every few seconds.

        The ledger is that of completed slices of present runs; ``chunks`` counts those of records
        that the index holds.
        """
        ...


class SliceLedger(Protocol):
    """The slices of a file's present run, and what became of their records."""

    async def plan(self, file_id: FileId, slices: Sequence[Slice]) -> None:
        """Keep the plan; slices that exist in this run stay as they are."""
        ...

    async def pending(self, file_id: FileId) -> Sequence[Slice]:
        """Slices not completed yet, by number."""
        ...

    async def ledger(self, file_id: FileId) -> Ledger:
        """The sum of all slices' ledgers; empty for a file without slices."""
        ...

    async def progress(
        self, claim: Claim, slice_number: int, *, records_done: int, bytes_done: int
    ) -> None:
        """Show how far an uncompleted slice is. A lost claim is ignored."""
        ...

    async def staged(self, claim: Claim, slice_number: int, *, records_staged: int) -> None:
        """Show how many records of an uncompleted slice are stored; a smaller number is ignored.

        So is a lost claim.
        """
        ...

    async def complete(
        self,
        claim: Claim,
        slice_number: int,
        ledger: Ledger,
        rejected: Sequence[RejectedItem],
    ) -> None:
        """Write the slice's ledger and its dead letters, once: a repeat replaces them.

        Raises:
            LeaseLostError: nothing was written.
            ValueError: the ledger does not balance.
        """
        ...


class Records(Protocol):
    """The rows of ``parsed_content``, and which file supplied which record."""

    async def stage(
        self,
        claim: Claim,
        slice_number: int,
        records: Sequence[Record],
        *,
        parser: str,
        model: str,
    ) -> Sequence[StagedRecord]:
        """Write records that are new or changed; say for each what it is and what is left to do.

        In input order. For a record already supplied by this run from the same place, the outcome
        decided then is returned again, so that a slice may be redone. From another place of the
        same file it is a ``DUPLICATE`` (its content replaces the stored one only if its version
        is greater). A smaller version than the stored one is ``OLDER_VERSION``. The same content
        as is indexed under ``model`` is ``UNCHANGED``; everything else is ``INDEXED``.
        ``needs_embedding`` says that the index does not yet hold the stored content under
        ``model``; it is true for at most one entry per record id in the result, and the record of
        that entry shows the names that its references stand for.

        A tombstone (a record of that content type) is staged like a record: ``DELETED``, unless
        what is stored has a greater version. From then on the record is not there for readers,
        and its copies of smaller versions are ``OLDER_VERSION``; one of a greater is stored again.

        Contents are compared as they came, references in them: a name that came meanwhile changes
        nothing. Names are published, and references resolved, those within the batch included,
        in the same transaction.

        Raises:
            LeaseLostError: nothing was written.
        """
        ...

    def confirming(
        self, claim: Claim, indexed: Sequence[IndexedRecord], *, model: str
    ) -> AbstractAsyncContextManager[Collection[RecordId]]:
        """Of these, the records whose content is still that, locked; confirmed on a clean exit.

        The caller writes their chunks to the index inside the block, and removes what is left of
        earlier ones. If the block raises, they stay unconfirmed. A record whose content has
        changed meanwhile is left to who changed it: its chunks must not be written.

        Raises:
            LeaseLostError: nothing is confirmed.
        """
        ...

    async def get(self, record_id: RecordId) -> StoredRecord:
        """Raises ``NotFoundError``."""
        ...

    async def versions_of(self, parser: str) -> Mapping[FileId, frozenset[str]]:
        """Which versions of the parser last read records that are stored, by their files."""
        ...

    async def thread(self, record_id: RecordId, *, limit: int = 100) -> Sequence[StoredRecord]:
        """All records of the same source and thread, oldest first; the record alone if none.

        A record belongs to the thread that is named by its native id, too: it may have been
        stored before anybody answered it.
        """
        ...

    def removing(
        self, file_id: FileId, *, limit: int
    ) -> AbstractAsyncContextManager[Sequence[StoredRecord]]:
        """Up to ``limit`` records that only this file supplies, locked; gone on a clean exit.

        The caller removes their chunks from the index inside the block. If the block raises,
        nothing is removed. An empty sequence says that none are left. The names that they
        published count as changed by the file.
        """
        ...

    def handing_over(
        self, file_id: FileId, *, limit: int
    ) -> AbstractAsyncContextManager[Mapping[FileId, Sequence[RecordId]]]:
        """Up to ``limit`` records of this file by the newest other file that supplies them.

        They are locked, and belong to those files on a clean exit; the caller tells the index
        inside the block. If the block raises, nothing changes. Empty when none are left.
        """
        ...

    def expected(self) -> AsyncIterator[Sequence[StoredRecord]]:
        """All records in pages, for ``verify``; their ``record.content`` may be left empty."""
        ...

    async def count(self) -> int: ...

    async def vector_count(self, file_id: FileId) -> int:
        """Chunks in the index of all records that the file supplies."""
        ...

    async def audit(self) -> Sequence[str]:
        """Sentences about rows that contradict each other; empty when all agree.

        A finished file's slices are all completed; slice ledgers balance; a file's supplied
        records equal indexed + unchanged; dead letters equal failed; every record has a supplier
        and, outside running imports, is confirmed and shows the present names.
        """
        ...


class Names(Protocol):
    """Names that records publish, and the records that show them.

    A record shows a name only if everybody who may see the record may see its publisher. Of
    several it shows the one of the greatest version, then of the smallest record id. Who imports
    or deletes a file lets all records follow the names that this has changed: for each page of
    ``stale``, ``render`` and embed, then write to the index inside ``showing``.
    """

    def stale(self, file_id: FileId) -> AsyncIterator[Sequence[RecordId]]:
        """Records to render again, in small pages, now that the file's own are all confirmed.

        Those that show a name which the file has changed, those of the file that show an old
        name, and those that an earlier try, or a file that failed, has left half done. A page is
        done with when the next is asked for. What an import has not confirmed is left to it.
        """
        ...

    async def render(self, file_id: FileId, record_ids: Sequence[RecordId]) -> Sequence[Rendering]:
        """The records with their present names; none for those that need it no more.

        From now on they count as half done, until ``showing`` has ended.
        """
        ...

    def showing(
        self, renderings: Sequence[Rendering], chunk_counts: Sequence[int], *, model: str
    ) -> AbstractAsyncContextManager[frozenset[RecordId]]:
        """Of these, the records that are still to be shown so, locked; shown on a clean exit.

        The caller writes their chunks to the index inside the block, and removes what is left of
        earlier ones. If the block raises, the store shows what it did, and they stay half done.
        """
        ...


class MetadataStore(Protocol):
    """The store as a whole. Every method of its parts may raise ``StoreUnavailableError``."""

    @property
    def files(self) -> FileImports: ...
    @property
    def queue(self) -> WorkQueue: ...
    @property
    def slices(self) -> SliceLedger: ...
    @property
    def records(self) -> Records: ...
    @property
    def names(self) -> Names: ...
    @property
    def linking(self) -> Linking: ...
    @property
    def entities(self) -> Entities: ...
    @property
    def groups(self) -> PassageGroups: ...
    @property
    def events(self) -> EventLog: ...
    @property
    def journal(self) -> EventJournal: ...
    @property
    def history(self) -> QueryHistory: ...
    @property
    def modules(self) -> ModuleStore: ...
    @property
    def uploads(self) -> UploadLog: ...
    @property
    def full_text(self) -> FullText: ...
    @property
    def arriving(self) -> ArrivingRecords: ...
    @property
    def identifiers(self) -> IdentifierLookup: ...
    @property
    def indexes(self) -> SearchIndexes: ...
    @property
    def contents(self) -> IndexContents: ...
    @property
    def reconciliation(self) -> Reconciliation: ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...
