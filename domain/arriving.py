"""Records that the index is yet to be given take their place in the keyword leg."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from domain.blend_options import Leg
from domain.models.ids import RecordId
from domain.models.search import Candidate, Hit, Match, best_first

ARRIVING = "arriving"
"""What the keyword leg is called in the explanation of a record that is arriving."""


def to_add(
    arriving: Sequence[Match], rankings: Mapping[Leg, Sequence[Match]]
) -> dict[RecordId, Match]:
    """The arriving records that the rankings lack: those that are new, or that nobody else found.

    What was found is not new once the index has it, however late its readers see that.
    """
    if not arriving:
        return {}
    found = {match.record_id for ranking in rankings.values() for match in ranking}
    return {
        match.record_id: match for match in arriving if match.is_new or match.record_id not in found
    }


def among_keywords(keyword: Sequence[Match], added: Mapping[RecordId, Match]) -> list[Match]:
    """The keyword leg's ranking with arriving records, which take the place of their old selves.

    Their scores are shares of the query's words: one that has all is put beside the leg's best.
    """
    best = keyword[0].score if keyword else 1.0
    scaled = [match._replace(score=match.score * best) for match in added.values()]
    others = [match for match in keyword if match.record_id not in added]
    return best_first([*others, *scaled])


def showing_new(ranking: Sequence[Match], added: Mapping[RecordId, Match]) -> list[Match]:
    """The ranking as it is, but showing the present content of what is arriving."""
    return [
        match._replace(read=added[match.record_id].read) if match.record_id in added else match
        for match in ranking
    ]


def told_apart(
    hits: Sequence[Hit[Candidate]], added: Collection[RecordId], *, keyword: Leg
) -> list[Hit[Candidate]]:
    """Each record once, be it by itself or in a passage; who is arriving is explained as that."""
    seen: set[RecordId] = set()
    told = []
    for hit in hits:
        record_id = hit.candidate.record_id
        is_arriving = record_id in added
        if is_arriving and record_id in seen:
            continue
        seen.add(record_id)
        told.append(_explained(hit, keyword) if is_arriving else hit)
    return told


def _explained(hit: Hit[Candidate], keyword: Leg) -> Hit[Candidate]:
    parts = (
        replace(part, leg=ARRIVING) if part.leg == keyword else part for part in hit.contributions
    )
    return replace(hit, contributions=tuple(parts))
