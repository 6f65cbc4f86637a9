"""From descriptions to identities, and from identities to entities: what is connected is one.

Both depend on the set of descriptions, links and decisions alone, never on the order in which
they came.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from domain.models.entities import IN_TEXT, EntityKind
from domain.models.ids import EntityId, derive_entity_id
from domain.models.linking import (
    Bond,
    Identity,
    Judgement,
    NearLink,
    StoredDescription,
    keyed,
    name_token,
)
from domain.models.links import Outcome

T = TypeVar("T", bound=Hashable)

_SHAREABLE = ("email:", "name:", IN_TEXT)
"""Tokens that several entities may have by mistake; in doubt an entity is what has its own id."""


def gather(
    descriptions: Iterable[StoredDescription], judgements: Sequence[Judgement]
) -> list[Identity]:
    """The identities that the descriptions make, in order of their ids.

    All descriptions of a key must be there that is among them, and all of what they are to be
    together with. Where people have said that something is apart, a key that would connect it is
    left to one side: what is named in decisions is connected first, the rest in order of keys.
    """
    by_kind = _by_kind((one.described.kind, one) for one in descriptions)
    identities = [
        identity
        for kind, of_kind in by_kind.items()
        for identity in _gather(kind, of_kind, _of_kind(kind, judgements))
    ]
    return sorted(identities, key=lambda identity: identity.id)


def associate(
    identities: Sequence[Identity], links: Iterable[NearLink], judgements: Sequence[Judgement]
) -> dict[EntityId, EntityId]:
    """Of which entity each identity is: by links in both directions, the likeliest first.

    An entity has the id of its identity with the smallest anchor, keys before names. One without
    keys is linked by its own word alone, and connects nothing. Nor does a name in texts: where it
    fits several, these have to be one without it.
    """
    links = list(links)
    by_kind = _by_kind((identity.kind, identity) for identity in identities)
    return {
        id: entity_id
        for kind, of_kind in by_kind.items()
        for id, entity_id in _associate(of_kind, links, _of_kind(kind, judgements)).items()
    }


def _associate(
    identities: Sequence[Identity], links: Iterable[NearLink], judgements: Sequence[Judgement]
) -> dict[EntityId, EntityId]:
    known = {identity.id: identity for identity in identities}
    parts: Parts[EntityId] = Parts(_apart(judgements))
    for identity in identities:
        parts.add(identity.id, identity.tokens)
    in_texts: dict[EntityId, list[EntityId]] = defaultdict(list)
    for link in sorted(accepted(links, known), key=lambda one: (-one.score, *_ends(one))):
        if known[link.identity_id].is_of_texts:
            in_texts[link.identity_id].append(link.other_id)
        else:
            parts.unite(link.identity_id, link.other_id)
    for named_id, (likeliest, *others) in in_texts.items():
        if all(parts.are_one(likeliest, other) for other in others):
            parts.unite(named_id, likeliest)
    entities: dict[EntityId, EntityId] = {}
    for group in parts.groups():
        first = min(
            (known[id] for id in group), key=lambda identity: (not identity.keys, identity.anchor)
        )
        entities |= dict.fromkeys(group, first.id)
    return entities


def _by_kind(items: Iterable[tuple[EntityKind, T]]) -> dict[EntityKind, list[T]]:
    by_kind: dict[EntityKind, list[T]] = defaultdict(list)
    for kind, item in items:
        by_kind[kind].append(item)
    return by_kind


def _of_kind(kind: EntityKind, judgements: Sequence[Judgement]) -> list[Judgement]:
    return [one for one in judgements if one.kind is kind]


def _apart(judgements: Sequence[Judgement]) -> list[tuple[frozenset[str], frozenset[str]]]:
    return [(one.left, one.right) for one in judgements if one.bond is Bond.APART]


def accepted(links: Iterable[NearLink], identities: Mapping[EntityId, Identity]) -> list[NearLink]:
    """Links that make one entity of two identities."""
    linked = {
        (one.identity_id, one.other_id): one
        for one in links
        if one.outcome is Outcome.LINKED
        and one.identity_id in identities
        and one.other_id in identities
    }
    return [
        link
        for (identity_id, other_id), link in linked.items()
        if (other_id, identity_id) in linked or is_leaf(identities[identity_id])
    ]


def is_leaf(identity: Identity) -> bool:
    """Whether it is only a name, in a text or a person's: one of many, perhaps, who have it."""
    return identity.is_of_texts or (identity.kind is EntityKind.PERSON and not identity.keys)


class Parts(Generic[T]):
    """Items in groups that grow by uniting, unless that is forbidden."""

    def __init__(self, apart: Sequence[tuple[frozenset[str], frozenset[str]]]) -> None:
        self._parent: dict[T, T] = {}
        self._sides: dict[T, set[tuple[int, bool]]] = {}
        self._side_of: dict[str, set[tuple[int, bool]]] = defaultdict(set)
        for number, (left, right) in enumerate(apart):
            for tokens, side in ((left, True), (right, False)):
                for token in tokens:
                    self._side_of[token].add((number, side))

    def add(self, item: T, tokens: Iterable[str] = ()) -> None:
        if item not in self._parent:
            self._parent[item] = item
            self._sides[item] = set()
            for token in tokens:
                self._sides[item] |= self._side_of.get(token, set())

    def unite(self, a: T, b: T) -> bool:
        """Make one group of both items' groups; false where that is forbidden."""
        root, other = self._root(a), self._root(b)
        if root == other:
            return True
        if any((number, not side) in self._sides[other] for number, side in self._sides[root]):
            return False
        self._parent[other] = root
        self._sides[root] |= self._sides.pop(other)
        return True

    def are_one(self, a: T, b: T) -> bool:
        return self._root(a) == self._root(b)

    def groups(self) -> Iterator[list[T]]:
        found: dict[T, list[T]] = defaultdict(list)
        for item in self._parent:
            found[self._root(item)].append(item)
        yield from found.values()

    def _root(self, item: T) -> T:
        while (parent := self._parent[item]) != item:
            self._parent[item] = self._parent[parent]
            item = self._parent[item]
        return item


def _gather(
    kind: EntityKind, descriptions: Sequence[StoredDescription], judgements: Sequence[Judgement]
) -> Iterator[Identity]:
    apart = _apart(judgements)
    named = {token for left, right in apart for token in left | right}
    together = [one for one in judgements if one.bond is Bond.TOGETHER]
    split_off = {token for left, _ in apart for token in left}
    parts: Parts[str] = Parts(apart)
    edges: list[tuple[int, str, bool, list[str], str]] = []
    for one in descriptions:
        keys, tokens = sorted(one.described.keys), list(_tokens(one, named))
        is_split_off = not split_off.isdisjoint(tokens)
        parts.add(one.own_token, (one.own_token,))
        for token in tokens:
            parts.add(token, (token,))
            # What stays keeps a key that both sides have.
            edges.append((_rank(token, named), token, is_split_off, keys, one.own_token))
    for judgement in together:
        first, *rest = sorted(judgement.left | judgement.right)
        for token in (first, *rest):
            parts.add(token, (token,))
        edges += [(_JOINED, first, False, [], token) for token in rest]
    for _, token, _, _, other in sorted(edges):
        parts.unite(token, other)
    known = {one.own_token: one for one in descriptions}
    for group in parts.groups():
        if members := [known[token] for token in group if token in known]:
            yield _identity(kind, members, set(group))


_OWN, _SHARED, _JOINED, _OTHERS = range(4)


def _rank(token: str, named: set[str]) -> int:
    if token not in named:
        return _OTHERS
    return _SHARED if token.startswith(_SHAREABLE) else _OWN


def _tokens(one: StoredDescription, named: set[str]) -> Iterator[str]:
    yield from one.described.keys
    if one.described.name:
        name = name_token(one.described.name)
        tokens = (keyed(name, token) for token in one.described.keys or (one.own_token,))
        yield from (token for token in tokens if token in named)


def _identity(kind: EntityKind, members: Sequence[StoredDescription], group: set[str]) -> Identity:
    keys = sorted({key for one in members for key in one.described.keys} & group)
    anchor = keys[0] if keys else min(one.own_token for one in members)
    return Identity(
        id=derive_entity_id(kind, anchor),
        kind=kind,
        anchor=anchor,
        keys=tuple(keys),
        names=_most_given(one.described.name for one in members),
        facts=_facts(members),
        descriptions=tuple(sorted(one.id for one in members)),
    )


def _most_given(texts: Iterable[str | None]) -> tuple[str, ...]:
    """The distinct texts: what most say first, then the longest."""
    counts = Counter(text for text in texts if text)
    return tuple(sorted(counts, key=lambda text: (-counts[text], -len(text), text)))


def _facts(members: Sequence[StoredDescription]) -> dict[str, str]:
    values: dict[str, list[str]] = defaultdict(list)
    for one in members:
        for name, value in one.described.facts.items():
            values[name].append(value)
    return {name: _most_given(values[name])[0] for name in sorted(values)}


def _ends(link: NearLink) -> tuple[EntityId, EntityId]:
    return min(link.identity_id, link.other_id), max(link.identity_id, link.other_id)
