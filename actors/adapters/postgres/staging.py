"""What staging decides, without the database: which copies are written, and what each becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.ledger import Outcome
from domain.models.ids import FileId, RecordId
from domain.models.records import ContentType, Record, StagedRecord


@dataclass(frozen=True, slots=True)
class Copy:
    """One record as it came, at ``position`` in the batch, references in it."""

    position: int
    record_id: RecordId
    record: Record
    content_hash: str

    @property
    def place(self) -> str:
        return str(self.record.place)


@dataclass(frozen=True, slots=True)
class Stored:
    """The record as the store has it.

    ``content_hash`` is that of what is shown, ``source_hash`` that of the record as it came.
    ``has_references`` says that they differ, ``has_more`` that it may publish names.
    ``known_chunks`` may be in the index under contents before the present one, and
    ``possible_chunks`` more under the present one, if that was never confirmed.
    """

    file_id: FileId
    version: str
    content_hash: str
    source_hash: str
    indexed_hash: str | None
    embedding_model: str | None
    known_chunks: int
    possible_chunks: int
    has_references: bool = False
    has_more: bool = False

    def is_indexed_under(self, model: str) -> bool:
        return self.indexed_hash == self.content_hash and self.embedding_model == model


@dataclass(frozen=True, slots=True)
class Supply:
    """What was decided when this run first brought the record."""

    place: str
    outcome: Outcome
    supplies: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of all copies of one record in a batch.

    ``written`` is the copy whose content, version and file the store takes over. ``stored`` is
    what the store has until then. ``supply`` is to be kept where it differs from what is kept.
    """

    staged: Mapping[int, StagedRecord]
    record_id: RecordId
    written: Copy | None
    stored: Stored | None
    newer_version: str | None
    left_chunks: int
    supply: Supply

    @property
    def is_new(self) -> bool:
        return self.stored is None

    @property
    def to_embed(self) -> Record | None:
        """The record that the index must be given."""
        entries = self.staged.values()
        return next((entry.record for entry in entries if entry.needs_embedding), None)


@dataclass(frozen=True, slots=True)
class Importer:
    """On whose behalf records are staged."""

    file_id: FileId
    model: str


def group(copies: Iterable[Copy]) -> dict[RecordId, list[Copy]]:
    """The copies by record, in order of record id: the order in which all lock their rows."""
    groups: dict[RecordId, list[Copy]] = {}
    for copy in copies:
        groups.setdefault(copy.record_id, []).append(copy)
    return dict(sorted(groups.items()))


@dataclass(slots=True)
class Judge:
    """Decides on records; knows what the store holds of them, locked until it is acted upon."""

    importer: Importer
    stored: Mapping[RecordId, Stored]
    supplied: Mapping[RecordId, Supply] = field(default_factory=dict)

    def decide(self, copies: Sequence[Copy]) -> Decision:
        """Decide on all copies of one record.

        The first to come keeps its outcome for the whole run; of several in one batch that is
        the greatest version, at the first place. All others are duplicates.
        """
        record_id = copies[0].record_id
        stored = self.stored.get(record_id)
        kept = self.supplied.get(record_id)
        newest = max(copies, key=_age) if len(copies) > 1 else copies[0]
        primary = newest if kept is None else _at(kept.place, copies)
        outcome = kept.outcome if kept else self._outcome(newest, stored)
        written = newest if self._is_written(newest, stored, kept, outcome) else None
        present = stored.source_hash if stored and not written else newest.content_hash
        return Decision(
            staged=self._staged(copies, primary, outcome, stored, written),
            record_id=record_id,
            written=written,
            stored=stored,
            newer_version=_newer_version(newest, stored, written),
            left_chunks=_left_chunks(stored, written),
            supply=Supply(
                place=kept.place if kept else newest.place,
                outcome=outcome,
                supplies=self._supplies(copies, present, outcome, stored, kept),
            ),
        )

    def _outcome(self, newest: Copy, stored: Stored | None) -> Outcome:
        if stored is None:
            return Outcome.DELETED if _is_tombstone(newest) else Outcome.INDEXED
        if newest.record.version < stored.version:
            return Outcome.OLDER_VERSION
        if _is_tombstone(newest):
            return Outcome.DELETED
        is_same = newest.content_hash == stored.source_hash
        if is_same and stored.is_indexed_under(self.importer.model):
            return Outcome.UNCHANGED
        return Outcome.INDEXED

    def _is_written(
        self, newest: Copy, stored: Stored | None, kept: Supply | None, outcome: Outcome
    ) -> bool:
        if stored is None:
            return True
        is_changed = newest.content_hash != stored.source_hash
        if kept is None:
            return outcome is Outcome.INDEXED or (outcome is Outcome.DELETED and is_changed)
        return is_changed and newest.record.version > stored.version

    def _staged(
        self,
        copies: Sequence[Copy],
        primary: Copy | None,
        outcome: Outcome,
        stored: Stored | None,
        written: Copy | None,
    ) -> dict[int, StagedRecord]:
        embedded = self._to_embed(copies, primary, outcome, stored, written)
        chunks = _left_chunks(stored, written)
        return {
            copy.position: StagedRecord(
                record=copy.record,
                outcome=outcome if copy is primary else Outcome.DUPLICATE,
                needs_embedding=copy is embedded,
                previous_chunk_count=chunks,
            )
            for copy in copies
        }

    def _to_embed(
        self,
        copies: Sequence[Copy],
        primary: Copy | None,
        outcome: Outcome,
        stored: Stored | None,
        written: Copy | None,
    ) -> Copy | None:
        """The one copy that the index must be given, if it does not hold its content."""
        if written is not None or stored is None:
            return written
        if stored.is_indexed_under(self.importer.model):
            return None
        same = [copy for copy in copies if copy.content_hash == stored.source_hash]
        if outcome is Outcome.OLDER_VERSION:
            same = [copy for copy in same if copy is not primary]
        return primary if primary in same else next(iter(same), None)

    def _supplies(
        self,
        copies: Sequence[Copy],
        present: str,
        outcome: Outcome,
        stored: Stored | None,
        kept: Supply | None,
    ) -> bool:
        """Whether the file brought a copy that counts when another file is deleted."""
        return (
            outcome in (Outcome.INDEXED, Outcome.UNCHANGED, Outcome.DELETED)
            or (kept is not None and kept.supplies)
            or (stored is not None and stored.file_id == self.importer.file_id)
            or any(copy.content_hash == present for copy in copies)
        )


def _is_tombstone(copy: Copy) -> bool:
    return copy.record.content_type is ContentType.TOMBSTONE


def _age(copy: Copy) -> tuple[str, int]:
    return copy.record.version, -copy.position


def _at(place: str, copies: Sequence[Copy]) -> Copy | None:
    return next((copy for copy in copies if copy.place == place), None)


def _newer_version(newest: Copy, stored: Stored | None, written: Copy | None) -> str | None:
    """The version that the stored content has in a later copy with the same content."""
    if stored is None or written is not None or newest.content_hash != stored.source_hash:
        return None
    return newest.record.version if newest.record.version > stored.version else None


def _left_chunks(stored: Stored | None, written: Copy | None) -> int:
    """Chunks that the index may hold under earlier contents, confirmed or not."""
    if stored is None:
        return 0
    is_replaced = written is not None and written.content_hash != stored.source_hash
    if is_replaced or stored.has_references:
        return max(stored.known_chunks, stored.possible_chunks)
    return stored.known_chunks
