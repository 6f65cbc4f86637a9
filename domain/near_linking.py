"""Which nodes are near enough to be one: the model of ``domain.correlation`` over nodes.

A decision depends on the node, on those that share a blocking key with it, and on how common words
are, rounded. So it changes only when one of these does, and whoever stores the nodes knows which
to decide on again.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.correlation import (
    Candidate,
    Decision,
    Outcome,
    TokenStatistics,
    blocking_keys,
    decide,
    tokens_of,
)
from domain.gathering import is_leaf
from domain.models.entities import EntityKind
from domain.models.ids import EntityId
from domain.models.linking import Bond, Judgement, NearLink, Node

MAX_BLOCK_NODES = 200
"""A blocking key that more nodes have tells nothing, and is left out."""

MAX_CANDIDATES = 10
"""So many of those that an unlinked node may be are kept for people to choose from."""


def rounded(count: int) -> int:
    """The power of two below, so that what is common changes seldom."""
    return 1 << (count.bit_length() - 1) if count > 0 else 0


MATCHED_KINDS = frozenset(
    (EntityKind.PERSON, EntityKind.ACCOUNT, EntityKind.OPPORTUNITY, EntityKind.PRODUCT)
)
"""A call, a case, a thread is known by its key or not at all: its name says what it is about."""


def blocks_of(node: Node) -> frozenset[str]:
    """Under which texts nodes that may be the same are found; none of other kinds."""
    return blocking_keys(node.described) if node.kind in MATCHED_KINDS else frozenset()


def counted_tokens(node: Node) -> frozenset[str]:
    """What the statistics count of a node."""
    return tokens_of(node.described) if node.kind in MATCHED_KINDS else frozenset()


def near_links(
    node: Node,
    neighbours: Sequence[Node],
    statistics: TokenStatistics,
    judgements: Sequence[Judgement] = (),
) -> list[NearLink]:
    """What is to be kept of the decision about a node; nothing where nobody is near.

    Several candidates that are one another's match count as one: an entity that three sources
    describe is not ambiguous.
    """
    candidates = {other.id: other for other in neighbours if _may_be_one(node, other, judgements)}
    if not candidates:
        return []
    one_each = [(id, other.described) for id, other in sorted(candidates.items())]
    decision = decide(node.described, one_each, statistics)
    if decision.outcome is not Outcome.AMBIGUOUS:
        return _kept(node, decision.outcome, decision.candidates)
    clusters = _clusters([candidates[one.id] for one in decision.candidates], statistics)
    grouped = [(clusters.get(id, id), described) for id, described in one_each]
    again: Decision[EntityId] = decide(node.described, grouped, statistics)
    likely = [one for one in decision.candidates if _is_of(one, clusters, again.linked)]
    if again.outcome is Outcome.LINKED and likely:
        return _kept(node, Outcome.LINKED, likely)
    return _kept(node, Outcome.AMBIGUOUS, decision.candidates)


def _may_be_one(node: Node, other: Node, judgements: Sequence[Judgement]) -> bool:
    """Not what a person has told apart; nor is one bare name evidence for another."""
    if other.id == node.id or other.kind is not node.kind or is_leaf(other):
        return False
    mine, theirs = node.tokens, other.tokens
    return not any(
        (one.left & mine and one.right & theirs) or (one.left & theirs and one.right & mine)
        for one in judgements
        if one.bond is Bond.APART and one.kind is node.kind
    )


def _clusters(likely: Sequence[Node], statistics: TokenStatistics) -> dict[EntityId, EntityId]:
    """For each of the likely nodes the smallest of those that it is one with."""
    found = {node.id: node.id for node in likely}
    for node in likely:
        for other in likely:
            if node.id < other.id:
                pair = decide(node.described, [(other.id, other.described)], statistics)
                if pair.linked:
                    keep, drop = sorted((found[node.id], found[other.id]))
                    found = {id: keep if root == drop else root for id, root in found.items()}
    return found


def _is_of(
    candidate: Candidate[EntityId], clusters: dict[EntityId, EntityId], linked: EntityId | None
) -> bool:
    return linked is not None and clusters.get(candidate.id, candidate.id) == linked


def _kept(
    node: Node, outcome: Outcome, candidates: Sequence[Candidate[EntityId]]
) -> list[NearLink]:
    return [
        NearLink(node.id, one.id, outcome, one.verdict.score, one.verdict.evidence)
        for one in candidates[:MAX_CANDIDATES]
    ]
