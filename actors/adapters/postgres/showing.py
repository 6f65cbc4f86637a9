"""Names and references of a batch that is being staged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from actors.adapters.postgres import name_sql as sql
from actors.adapters.postgres.database import Connection
from actors.adapters.postgres.naming import (
    MAX_VERSION_CHARS,
    BatchNames,
    Name,
    Wanted,
    published_names,
    shown_as,
)
from actors.adapters.postgres.record_rows import Shown
from actors.adapters.postgres.staging import Copy, Decision
from actors.adapters.postgres.text import array_literal
from domain.models.files import Claim
from domain.models.ids import RecordId
from domain.models.records import StagedRecord


async def show_batch(
    connection: Connection, decisions: Sequence[Decision]
) -> dict[RecordId, Shown]:
    """How the records of the batch that have references are shown; the others are as they came.

    What is written shows the names of this moment. What is stored already and only has to be
    embedded is shown as it is stored, so that it can be confirmed.
    """
    written = [decision.written for decision in decisions if decision.written]
    shown = await _show_written(connection, written)
    for decision, names in await _names_shown(connection, decisions):
        record, stored = decision.to_embed, decision.stored
        if record is not None and stored is not None:
            shown[decision.record_id] = shown_as(
                decision.record_id, record, stored.source_hash, names
            )
    return shown


def as_shown(staged: Mapping[int, StagedRecord], shown: Shown | None) -> Mapping[int, StagedRecord]:
    """What is to be embedded, with its names."""
    if shown is None:
        return staged
    return {
        position: replace(entry, record=shown.record) if entry.needs_embedding else entry
        for position, entry in staged.items()
    }


async def keep_names(
    connection: Connection,
    claim: Claim,
    decisions: Sequence[Decision],
    shown: Mapping[RecordId, Shown],
) -> None:
    """Publish the names of what was written, and keep what it shows; needs the records' rows."""
    written = [decision for decision in decisions if decision.written]
    await _publish(connection, claim, [one for one in written if _may_change_names(one)])
    await _raise_names(connection, claim, decisions)
    await _keep_references(
        connection,
        [one.record_id for one in written if _may_change_references(one, shown)],
        shown,
    )


async def _show_written(connection: Connection, written: Sequence[Copy]) -> dict[RecordId, Shown]:
    batch = BatchNames.of(written)
    if not batch.wanted:
        return {}
    showing = [copy for copy in written if copy.record_id in batch.wanted]
    wanted = {
        (key, copy.record.visibility) for copy in showing for key in batch.wanted[copy.record_id]
    }
    stored = await _find(connection, sorted(wanted), besides=[copy.record_id for copy in written])
    shown = {}
    for copy in showing:
        readers = copy.record.visibility
        names = {key: batch.best(readers, stored, key) for key in batch.wanted[copy.record_id]}
        shown[copy.record_id] = shown_as(copy.record_id, copy.record, copy.content_hash, names)
    return shown


async def _find(
    connection: Connection, wanted: Sequence[Wanted], *, besides: Iterable[RecordId]
) -> dict[Wanted, Name]:
    rows = await connection.fetch(
        sql.FIND_NAMES,
        list(range(len(wanted))),
        [key for key, _ in wanted],
        [array_literal(readers) for _, readers in wanted],
        list(besides),
    )
    return {
        wanted[row["number"]]: Name(
            wanted[row["number"]][0],
            row["record_id"],
            row["name"],
            row["version"],
            wanted[row["number"]][1],
        )
        for row in rows
    }


async def _names_shown(
    connection: Connection, decisions: Sequence[Decision]
) -> list[tuple[Decision, dict[str, str | None]]]:
    """For each record that is stored with references and only has to be embedded, what it shows."""
    waiting = [
        one
        for one in decisions
        if one.stored and one.stored.has_references and not one.written and one.to_embed
    ]
    if not waiting:
        return []
    names: dict[RecordId, dict[str, str | None]] = defaultdict(dict)
    for row in await connection.fetch(sql.GET_REFERENCES, [one.record_id for one in waiting]):
        names[row["record_id"]][row["key"]] = row["shown"]
    return [(one, names[one.record_id]) for one in waiting]


def _may_change_names(decision: Decision) -> bool:
    had_more = decision.stored is not None and decision.stored.has_more
    return had_more or bool(decision.written and decision.written.record.names)


def _may_change_references(decision: Decision, shown: Mapping[RecordId, Shown]) -> bool:
    had_references = decision.stored is not None and decision.stored.has_references
    return had_references or decision.record_id in shown


async def _publish(connection: Connection, claim: Claim, decisions: Sequence[Decision]) -> None:
    if not decisions:
        return
    names = [name for one in decisions if one.written for name in published_names(one.written)]
    await connection.execute(
        sql.PUBLISH_NAMES,
        claim.file_id,
        [one.record_id for one in decisions],
        [name.key for name in names],
        [name.record_id for name in names],
        [name.name for name in names],
        [name.version for name in names],
        [array_literal(name.visibility) for name in names],
    )


async def _raise_names(connection: Connection, claim: Claim, decisions: Sequence[Decision]) -> None:
    raised = [
        (one.record_id, one.newer_version[:MAX_VERSION_CHARS])
        for one in decisions
        if one.newer_version and one.stored and one.stored.has_more
    ]
    if raised:
        record_ids, versions = map(list, zip(*raised, strict=True))
        await connection.execute(sql.RAISE_NAMES, claim.file_id, record_ids, versions)


async def _keep_references(
    connection: Connection, record_ids: Sequence[RecordId], shown: Mapping[RecordId, Shown]
) -> None:
    if not record_ids:
        return
    rows = [
        (key, record_id, name)
        for record_id in record_ids
        if record_id in shown
        for key, name in shown[record_id].names.items()
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], []]
    await connection.execute(sql.KEEP_REFERENCES, list(record_ids), *columns)
