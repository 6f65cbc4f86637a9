"""Names by which texts may speak of entities: which there are, and whose texts may have one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from actors.adapters.postgres import linking_sql as sql
from actors.adapters.postgres.database import Connection, Row
from domain.mentions.names import KnownNames
from domain.models.entities import EntityKind
from domain.models.linking import Identity
from domain.near_linking import called

BETWEEN = "[^[:alnum:]]+"
"""What may stand between two words of a name, and more: linking says which texts have it."""


async def known_names(connection: Connection, candidates: Collection[str]) -> KnownNames:
    found: defaultdict[str, set[EntityKind]] = defaultdict(set)
    if candidates:
        for row in await connection.fetch(sql.KNOWN_NAMES, list(candidates)):
            found[row["name"]].add(EntityKind(row["kind"]))
    return found


async def recount_names(
    connection: Connection, fresh: Iterable[Identity], replaced: Iterable[Row], *, behind: int
) -> None:
    """Keep count of who is called how, and queue the texts of names that come or go.

    Not those that wait with a number of the queue above ``behind``: they are linked later. Nor
    those that say the name because a field of theirs does.
    """
    changes: Counter[tuple[str, str]] = Counter()
    for identity in fresh:
        changes.update((name, identity.kind) for name in called(identity))
    for row in replaced:
        changes.subtract((name, row["kind"]) for name in row["called"])
    counted = sorted(key for key, by in changes.items() if by)
    if not counted:
        return
    columns = [[key[part] for key in counted] for part in range(2)]
    rows = await connection.fetch(sql.COUNT_NAMES, *columns, [changes[key] for key in counted])
    await connection.execute(sql.FORGET_NAMES, columns[0])
    moved = [row for row in rows if _has_come_or_gone(row, changes)]
    if moved:
        names, kinds = [row["name"] for row in moved], [row["kind"] for row in moved]
        patterns = list(map(_pattern, names))
        await connection.execute(sql.ENQUEUE_TEXTS, names, kinds, patterns, behind)


def _has_come_or_gone(row: Row, changes: Mapping[tuple[str, str], int]) -> bool:
    """Whether it is the name of the first of its kind, or was that of the last."""
    return row["identities"] in (0, changes[row["name"], row["kind"]])


def _pattern(name: str) -> str:
    """A regular expression of PostgreSQL for texts that may have the name."""
    return BETWEEN.join(re.escape(word).replace("'", "['’]") for word in name.split(" "))
