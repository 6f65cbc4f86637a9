"""Which identities are near enough to be one: the model of ``domain.correlation`` over identities.

A decision depends on the identity, on those that share a blocking key with it, and on how common
words are, rounded. So it changes only when one of these does, and whoever stores the identities
knows which to decide on again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.correlating.blocking import near_keys
from domain.correlating.comparing import compare
from domain.correlating.deciding import decide
from domain.correlating.normal import words
from domain.correlating.statistics import tokens_of
from domain.gathering import is_leaf
from domain.mentions.names import NAMED_KINDS, known_name
from domain.models.entities import IN_TEXT
from domain.models.ids import EntityId
from domain.models.linking import Bond, Identity, Judgement, NearLink
from domain.models.links import Candidate, Outcome, TokenStatistics

MAX_BLOCK_IDENTITIES = 200
"""A blocking key that more identities have tells nothing, and is left out."""

MAX_CANDIDATES = 10
"""So many of those that an unlinked identity may be are kept for people to choose from."""


def rounded(count: int) -> int:
    """The power of two below, so that what is common changes seldom."""
    return 1 << (count.bit_length() - 1) if count > 0 else 0


MAX_CALLED = 20
"""So many of an identity's names are looked for in texts, those that most give."""

_OF_ONE_RECORD = ("record:", "gong-party:", IN_TEXT)
"""Keys that tell nothing about who it is elsewhere."""

MATCHED_KINDS = NAMED_KINDS
"""A call, a case, a thread is known by its key or not at all: its name says what it is about."""


def blocks_of(identity: Identity) -> frozenset[str]:
    """Under which texts identities that may be the same are found; none of other kinds.

    Exact keys are not among them: no two identities have one in common.
    """
    return near_keys(identity.described) if identity.kind in MATCHED_KINDS else frozenset()


def counted_tokens(identity: Identity) -> frozenset[str]:
    """What the statistics count of an identity."""
    return tokens_of(identity.described) if identity.kind in MATCHED_KINDS else frozenset()


def called(identity: Identity) -> frozenset[str]:
    """The names by which texts may speak of it, as ``domain.mentions.names`` writes them.

    None of who is known by names alone: they say nothing about whose they are.
    """
    if identity.is_of_texts or not identity.keys:
        return frozenset()
    names = (known_name(identity.kind, name) for name in identity.names[:MAX_CALLED])
    return frozenset(name for name in names if name)


def near_links(
    identity: Identity,
    neighbours: Sequence[Identity],
    statistics: TokenStatistics,
    judgements: Sequence[Judgement] = (),
) -> list[NearLink]:
    """What is to be kept of the decision about an identity; nothing where nobody is near."""
    candidates = {
        other.id: other for other in neighbours if _may_be_one(identity, other, judgements)
    }
    if not candidates:
        return []
    one_each = [(id, other.described) for id, other in sorted(candidates.items())]
    decision = decide(identity.described, one_each, statistics)
    if decision.candidates:
        return _kept(identity, decision.outcome, decision.candidates)
    return _kept(identity, Outcome.AMBIGUOUS, _namesakes(identity, candidates.values(), statistics))


def _may_be_one(identity: Identity, other: Identity, judgements: Sequence[Judgement]) -> bool:
    """Not what a person has told apart; nor is one bare name evidence for another."""
    if other.id == identity.id or other.kind is not identity.kind or is_leaf(other):
        return False
    mine, theirs = identity.tokens, other.tokens
    return not any(
        (one.left & mine and one.right & theirs) or (one.left & theirs and one.right & mine)
        for one in judgements
        if one.bond is Bond.APART and one.kind is identity.kind
    )


def _namesakes(
    identity: Identity, others: Iterable[Identity], statistics: TokenStatistics
) -> list[Candidate[EntityId]]:
    """Who is called as one of whom hardly more than the name is known, the likeliest first.

    None of them may be likely, where many have the name; but who asks who that was is told.
    """
    if not identity.name or any(not key.startswith(_OF_ONE_RECORD) for key in identity.keys):
        return []
    called = words(identity.name)
    alike = [other for other in others if called in map(words, other.names)]
    compared = [
        Candidate(other.id, compare(identity.described, other.described, statistics))
        for other in alike
    ]
    return sorted(compared, key=lambda one: (-one.verdict.score, one.id))


def _kept(
    identity: Identity, outcome: Outcome, candidates: Sequence[Candidate[EntityId]]
) -> list[NearLink]:
    return [
        NearLink(identity.id, one.id, outcome, one.verdict.score, one.verdict.evidence)
        for one in candidates[:MAX_CANDIDATES]
    ]
