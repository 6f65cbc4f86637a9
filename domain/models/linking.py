"""How descriptions become entities: identities, near links, and what people have decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import orjson

from domain.models.entities import IN_TEXT, Description, EntityKind, Evidence
from domain.models.ids import DescriptionId, EntityId, RecordId, derive_description_id
from domain.models.links import Outcome


@dataclass(frozen=True, slots=True)
class StoredDescription:
    """A description that records give, however many of them."""

    id: DescriptionId
    described: Description

    @classmethod
    def of(cls, described: Description) -> StoredDescription:
        said = orjson.dumps(
            [described.kind, sorted(described.keys), described.name, dict(described.facts)],
            option=orjson.OPT_SORT_KEYS,
        )
        return cls(derive_description_id(said.decode()), described)

    @property
    def own_token(self) -> str:
        """What stands for a description that gives no key."""
        return f"description:{self.id}"


@dataclass(frozen=True, slots=True)
class Queued:
    """What waits to be linked: a record that is new or changed, or a description."""

    id: int
    record_id: RecordId | None
    description_id: DescriptionId | None


class Bond(StrEnum):
    """What a person has decided about two sets of tokens."""

    TOGETHER = "together"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A person's word on descriptions of one kind, which wins over every rule and stays.

    Its sides are tokens, which survive deletions and new imports: keys, ``description:<id>`` of a
    description without any, ``name:<name>`` for identities that have the name, and of these two
    ``name:<name>|<token>`` for descriptions that have both, as others of the name are others.
    ``TOGETHER``: what has a token of either side is one entity. ``APART``: nothing that has a token
    of the left side is one with what has a token of the right.
    """

    kind: EntityKind
    bond: Bond
    left: frozenset[str]
    right: frozenset[str]


@dataclass(frozen=True, slots=True)
class Identity:
    """Descriptions that are one beyond doubt, by keys that they share or by people's decisions.

    ``anchor`` is the smallest of its tokens, from which the id is derived. ``names`` are in order
    of how many descriptions give them.
    """

    id: EntityId
    kind: EntityKind
    anchor: str
    keys: tuple[str, ...]
    names: tuple[str, ...]
    facts: Mapping[str, str]
    descriptions: tuple[DescriptionId, ...]

    @property
    def name(self) -> str | None:
        return self.names[0] if self.names else None

    @property
    def described(self) -> Description:
        """All that is known, as one description."""
        return Description(self.kind, frozenset(self.keys), self.name, self.facts)

    @property
    def is_of_texts(self) -> bool:
        """Whether all that is known are names in running texts."""
        return self.anchor.startswith(IN_TEXT)

    @property
    def tokens(self) -> frozenset[str]:
        """What people's decisions may name it by."""
        return frozenset((self.anchor, *self.keys, *map(name_token, self.names)))


@dataclass(frozen=True, slots=True)
class NearLink:
    """What matching says about an identity and one that may be the same.

    ``LINKED`` of a pair of links, one in each direction, makes two identities one entity.
    """

    identity_id: EntityId
    other_id: EntityId
    outcome: Outcome
    score: float
    evidence: tuple[Evidence, ...]


def name_token(name: str) -> str:
    return f"name:{' '.join(name.lower().replace('|', ' ').split())}"


def keyed(name: str, token: str) -> str:
    """A name's token for those only who have another token, too."""
    return f"{name}|{token}"


def unkeyed(token: str) -> str:
    """The name's token of one that is keyed, any other as it is."""
    return token.partition("|")[0] if token.startswith("name:") else token
