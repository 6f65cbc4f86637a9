"""The schema's tables as the database itself describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, Protocol

from domain.ports.moving import Table

UNMOVED = ("schema_migrations", "unfinished_move")
"""Every database has its own."""


class Fetches(Protocol):
    """A pool, or a connection inside of a transaction."""

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...


COLUMNS = """-- columns: stored columns of all tables, in their order
SELECT class.relname AS name,
       array_agg(attribute.attname::text ORDER BY attribute.attnum) AS columns
FROM pg_class AS class JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
WHERE class.relnamespace = current_schema()::regnamespace AND class.relkind = 'r'
  AND attribute.attnum > 0 AND NOT attribute.attisdropped AND attribute.attgenerated = ''
GROUP BY class.relname ORDER BY class.relname
"""

KEYS = """-- keys: the columns of every table's primary key with their types, in order
SELECT class.relname AS name,
       array_agg(attribute.attname::text ORDER BY key.position) AS columns,
       array_agg(format_type(attribute.atttypid, NULL) ORDER BY key.position) AS types
FROM pg_constraint AS con
JOIN pg_class AS class ON class.oid = con.conrelid
CROSS JOIN LATERAL unnest(con.conkey) WITH ORDINALITY AS key(attnum, position)
JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attnum = key.attnum
WHERE con.contype = 'p' AND class.relnamespace = current_schema()::regnamespace
GROUP BY class.relname
"""

REFERENCES = """-- references: which table refers to which other
SELECT DISTINCT child.relname AS child, parent.relname AS parent
FROM pg_constraint AS con
JOIN pg_class AS child ON child.oid = con.conrelid
JOIN pg_class AS parent ON parent.oid = con.confrelid
WHERE con.contype = 'f' AND child.relnamespace = current_schema()::regnamespace
  AND child.oid <> parent.oid
"""

SEQUENCES = """-- sequences: the last values given out, of those that gave any
SELECT sequencename AS name, last_value FROM pg_sequences
WHERE schemaname = current_schema() AND last_value IS NOT NULL
ORDER BY sequencename
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key: its columns, and the types that their values are written in."""

    columns: tuple[str, ...]
    types: tuple[str, ...]

    def beyond(self, bound: Sequence[str], operator: str, *, first: int = 1) -> str:
        """Compares keys with a bound, whose texts are the parameters from ``first`` on."""
        given = ", ".join(f"${first + n}::text::{kind}" for n, kind in enumerate(self.types))
        return f"({listed(self.columns)}) {operator} ({given})"

    @property
    def descending(self) -> str:
        return ", ".join(f"{quoted(column)} DESC" for column in self.columns)


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))


async def tables_of(connection: Fetches) -> list[Table]:
    """All tables that move, each after those that it refers to."""
    columns = {row["name"]: tuple(row["columns"]) for row in await connection.fetch(COLUMNS)}
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(sorted(columns), ()))
    for row in await connection.fetch(REFERENCES):
        order.add(row["child"], row["parent"])
    return [Table(name, columns[name]) for name in order.static_order() if name not in UNMOVED]


async def keys_of(connection: Fetches) -> Mapping[str, Key]:
    """The primary key of every table that has one."""
    rows: Sequence[Any] = await connection.fetch(KEYS)
    return {row["name"]: Key(tuple(row["columns"]), tuple(row["types"])) for row in rows}


async def sequences_of(connection: Fetches) -> Mapping[str, int]:
    return {row["name"]: row["last_value"] for row in await connection.fetch(SEQUENCES)}
