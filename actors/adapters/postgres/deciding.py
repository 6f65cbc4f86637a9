"""What people decide about entities: kept for good, and linked by like everything else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from actors.adapters.postgres import entity_sql as sql
from actors.adapters.postgres.database import Connection, Row
from domain.errors import ConflictError, InvalidQueryError
from domain.models.ids import EntityId
from domain.models.linking import Bond, keyed, name_token, unkeyed


async def keep_split(connection: Connection, entity_id: EntityId, parts: Collection[str]) -> None:
    """Keys and identities go by their keys; people who share all keys, by their names."""
    identities = await connection.fetch(sql.IDENTITIES, entity_id)
    keys = {token for identity in identities for token in _own_tokens(identity)}
    names = {name_token(name) for identity in identities for name in identity["names"]}
    split_keys = set(_keys_named(parts, identities))
    split_names = {name_token(part) for part in parts if name_token(part) in names}
    unknown = [
        part
        for part in parts
        if part not in keys
        and name_token(part) not in names
        and part not in {str(identity["id"]) for identity in identities}
    ]
    if unknown:
        raise InvalidQueryError(f"the entity has no key or name {unknown[0]!r}")
    sides = [
        (split_keys, keys - split_keys),
        (_keyed(split_names, keys), _keyed(names - split_names, keys)),
    ]
    if any(left and not right for left, right in sides) or not any(left for left, _ in sides):
        raise InvalidQueryError("a split must leave something behind: name fewer keys or names")
    kind = identities[0]["kind"]
    for left, right in sides:
        if left:
            await connection.execute(
                sql.FORGET_CONTRARY, kind, Bond.TOGETHER, sorted(left), sorted(right)
            )
            await connection.execute(
                sql.INSERT_JUDGEMENT, kind, Bond.APART, sorted(left), sorted(right)
            )
    await _relink(connection, [entity_id])


async def keep_joined(connection: Connection, entity_id: EntityId, other_id: EntityId) -> None:
    """By the first token of each, and whatever said that they are not one is taken back."""
    if entity_id == other_id:
        return
    identities = await connection.fetch(sql.IDENTITIES, entity_id)
    others = await connection.fetch(sql.IDENTITIES, other_id)
    kind = identities[0]["kind"]
    if kind != others[0]["kind"]:
        raise ConflictError(f"a {kind} and a {others[0]['kind']} cannot be one")
    await _take_back(connection, kind, _all_tokens(identities), _all_tokens(others))
    left, right = _own_tokens(identities[0])[0], _own_tokens(others[0])[0]
    await connection.execute(sql.INSERT_JUDGEMENT, kind, Bond.TOGETHER, [left], [right])
    await _relink(connection, [entity_id, other_id])


async def _take_back(connection: Connection, kind: str, tokens: set[str], others: set[str]) -> None:
    """Forget that these two are apart; what else was parted with them stays so."""
    contrary = await connection.fetch(
        sql.FORGET_CONTRARY, kind, Bond.APART, sorted(tokens), sorted(others)
    )
    for row in contrary:
        sides = set(row["left_tokens"]), set(row["right_tokens"])
        for left, right in _without(_without([sides], tokens, others), others, tokens):
            await connection.execute(
                sql.INSERT_JUDGEMENT, kind, Bond.APART, sorted(left), sorted(right)
            )


def _without(
    parted: Iterable[tuple[set[str], set[str]]], tokens: set[str], others: set[str]
) -> Iterator[tuple[set[str], set[str]]]:
    """What is still apart where all left of it was from all right, but for these two."""
    for left, right in parted:
        mine, theirs = _among(left, tokens), _among(right, others)
        if mine and theirs:
            remaining = [(left - mine, right), (mine, right - theirs)]
            yield from (sides for sides in remaining if all(sides))
        else:
            yield left, right


def _among(side: set[str], tokens: set[str]) -> set[str]:
    """Those of a side, a name with whatever key it has there."""
    return {one for one in side if one in tokens or unkeyed(one) in tokens}


async def _relink(connection: Connection, entity_ids: Sequence[EntityId]) -> None:
    await connection.execute(sql.RELINK, list(entity_ids))
    await connection.execute(sql.REMATCH, list(entity_ids))


def _keys_named(parts: Collection[str], identities: Iterable[Row]) -> Iterable[str]:
    """A part is a key, or the id of an identity and so all keys of it."""
    for identity in identities:
        if str(identity["id"]) in parts:
            yield from _own_tokens(identity)
        else:
            yield from (token for token in _own_tokens(identity) if token in parts)


def _keyed(names: set[str], keys: set[str]) -> set[str]:
    """The names, and the names at the keys, so that only who has both is meant by these."""
    return names | {keyed(name, key) for name in names for key in keys}


def _own_tokens(identity: Row) -> list[str]:
    return list(identity["keys"]) or [identity["anchor"]]


def _all_tokens(identities: Iterable[Row]) -> set[str]:
    return {
        token
        for identity in identities
        for token in (*_own_tokens(identity), *map(name_token, identity["names"]))
    }
