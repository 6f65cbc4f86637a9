"""Fencing: what is done for an index that is no longer in use is refused."""

from __future__ import annotations

from actors.adapters.postgres import index_sql as sql
from actors.adapters.postgres.database import Connection
from domain.errors import IndexSwitchedError


async def share_index(connection: Connection, model: str | None = None) -> None:
    """Keep the active index from being switched until the transaction ends.

    To be called before any record or group is locked: who switches locks them all.

    Raises:
        IndexSwitchedError: it is not the index of ``model``.
    """
    await connection.execute(sql.SHARE_INDEX)
    if model is None:
        return
    active = await connection.fetchval(sql.ACTIVE_MODEL)
    if active not in (None, model):
        raise IndexSwitchedError(
            f"the index of {active} is in use, not that of {model}: try again",
            active=active,
            model=model,
        )
