"""From rows of ``identities`` and the tables beside it to values, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from actors.adapters.postgres.database import Row
from actors.adapters.postgres.text import array_literal, json_text
from domain.correlating.normal import words
from domain.models.entities import Description, EntityKind, Evidence
from domain.models.linking import Bond, Identity, Judgement, NearLink, StoredDescription
from domain.models.links import Outcome
from domain.near_linking import blocks_of, called, counted_tokens

DESCRIPTION_TOKEN = "description:"


def identity_columns(identities: Sequence[Identity]) -> list[list[object]]:
    """One list for every column that is written of identities."""
    rows = [
        (
            identity.id,
            identity.kind,
            identity.anchor,
            array_literal(identity.keys),
            array_literal(identity.names),
            json_text(dict(identity.facts)),
            array_literal(tuple(sorted(blocks_of(identity)))),
            array_literal(tuple(sorted(counted_tokens(identity)))),
            identity.name,
            " ".join(word for name in identity.names for word in words(name)),
            array_literal(tuple(sorted(called(identity)))),
        )
        for identity in identities
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def identity_of(row: Row) -> Identity:
    """The stored identity; which descriptions it is made of its row does not say."""
    return Identity(
        id=row["id"],
        kind=EntityKind(row["kind"]),
        anchor=row["anchor"],
        keys=tuple(row["keys"]),
        names=tuple(row["names"]),
        facts=row["facts"],
        descriptions=(),
    )


def says_the_same(identity: Identity, row: Row | None) -> bool:
    """Whether the stored identity is this one, whatever descriptions it is made of."""
    return row is not None and bool(
        list(identity.keys) == row["keys"]
        and list(identity.names) == row["names"]
        and dict(identity.facts) == row["facts"]
        and sorted(called(identity)) == row["called"]
    )


def description_of(row: Row) -> StoredDescription:
    return StoredDescription(
        row["id"],
        Description(EntityKind(row["kind"]), frozenset(row["keys"]), row["name"], row["facts"]),
    )


def description_columns(descriptions: Iterable[StoredDescription]) -> list[list[object]]:
    rows = [
        (
            one.id,
            one.described.kind,
            array_literal(tuple(sorted(one.described.keys))),
            one.described.name,
            json_text(dict(one.described.facts)),
        )
        for one in descriptions
    ]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * 5


def judgement_of(row: Row) -> Judgement:
    return Judgement(
        EntityKind(row["kind"]),
        Bond(row["bond"]),
        frozenset(row["left_tokens"]),
        frozenset(row["right_tokens"]),
    )


def link_columns(links: Sequence[NearLink]) -> list[list[object]]:
    rows = [
        (
            link.identity_id,
            link.other_id,
            link.outcome,
            link.score,
            orjson.dumps([[one.reason, one.weight] for one in link.evidence]).decode(),
        )
        for link in links
    ]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * 5


def link_of(row: Row) -> NearLink:
    return NearLink(
        row["identity_id"],
        row["other_id"],
        Outcome(row["outcome"]),
        row["score"],
        evidence_of(row),
    )


def evidence_of(row: Row) -> tuple[Evidence, ...]:
    """Infinite weights, of which JSON knows nothing, come back as 0."""
    return tuple(Evidence(reason, weight or 0.0) for reason, weight in row["evidence"])
