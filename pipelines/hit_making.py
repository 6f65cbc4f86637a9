"""From what the legs found to the hits of an answer: blended, folded and read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from domain.arriving import among_keywords, showing_new, told_apart
from domain.blend_options import BlendOptions
from domain.blending import ranked, with_all_compared
from domain.collapsing import Found, collapsed
from domain.models.chunks import Embedding
from domain.models.ids import RecordId
from domain.models.search import Candidate, Hit, Match, SearchFilter, best_first
from domain.passages import best_member

VECTOR = "vector"
KEYWORD = "keyword"
NEWEST = "newest"
"""Stands alone, where a query has filters but no words."""


def within(matches: Sequence[Match], where: SearchFilter) -> Sequence[Match]:
    """Those of records that the search stays within; of a passage one member has to be."""
    if where.within is None:
        return matches
    records = where.within.records
    return [match for match in matches if _speaks_of(match.read(), records)]


def _speaks_of(found: Candidate, records: frozenset[RecordId]) -> bool:
    if found.members:
        return any(member.record_id in records for member in found.members)
    return found.record_id in records


def in_order(leg: str, matches: Sequence[Match]) -> Sequence[Match]:
    """What a leg found, in an order that no index has a say in; others have a rule for equals."""
    return best_first(matches) if leg in (VECTOR, KEYWORD) else matches


def blended(
    rankings: Mapping[str, Sequence[Match]],
    options: BlendOptions,
    *,
    embedding: Embedding | None,
    now: datetime | None,
    arriving: Mapping[RecordId, Match],
) -> Sequence[Hit[Match]]:
    """One ranking of what the legs found, and of what is ``arriving``; nothing moves the newest.

    With the query's ``embedding`` the vector leg has a score for what only the words found, too.
    """
    if embedding is not None and VECTOR in rankings and KEYWORD in rankings:
        compared = with_all_compared(rankings[VECTOR], rankings[KEYWORD], embedding)
        rankings = {**rankings, VECTOR: compared}
    if arriving:
        rankings = {leg: showing_new(ranking, arriving) for leg, ranking in rankings.items()}
        rankings[KEYWORD] = among_keywords(rankings.get(KEYWORD, ()), arriving)
    if NEWEST in rankings:
        options = replace(options, source_weights={}, calibration=0.0, recency=0.0, diversity=0.0)
    return ranked(rankings, options, now=now)


def shown_hits(
    hits: Sequence[Hit[Match]],
    text: str,
    where: SearchFilter,
    options: BlendOptions,
    *,
    limit: int,
    arriving: Collection[RecordId],
) -> list[Hit[Candidate]]:
    """The first ``limit`` hits that say something new, read for a query's ``text``."""
    kept = collapsed(hits, _read, options.collapse, limit=limit + len(arriving))
    shown = [_with_best_member(hit, text, where) for hit in kept]
    return told_apart(shown, arriving, keyword=KEYWORD)[:limit]


def _read(hit: Hit[Match]) -> Found:
    match = hit.candidate
    return Found(Hit(match.read(), hit.score, hit.contributions), match.vector)


def _with_best_member(hit: Hit[Candidate], text: str, where: SearchFilter) -> Hit[Candidate]:
    """Of a passage the record that fits the text best, of those asked for."""
    found, within = hit.candidate, where.within
    if not found.members:
        return hit
    members = [one for one in found.members if not within or one.record_id in within.records]
    best = best_member(found.text, members, text)
    return replace(hit, candidate=replace(found, record_id=best.record_id))
