"""Whether two sets of stores hold the same chunks and give the same answers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actors.bootstrap import open_services
from actors.settings import Settings
from benchmarks.moved_files import codes, sentence
from domain.models.ids import ChunkId
from domain.models.search import Candidate, Match, Query, SearchFilter
from domain.ports.search_index import SearchIndex
from pipelines.querying import QueryEngine
from serve_app.moved_stores import stores_to_read

QUESTIONS = 50
SHOWN = 10
WITH_EQUALS = 40
"""An index gives hits of equal scores in no particular order, so more are read than compared."""

CODED = 200
DEADLINE = 60.0
PAGE = 500

Ranked = Sequence[tuple[float, str]]
"""Scores, negated and rounded, with the ids of chunks; of equal scores the least ids first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the legs say to one question: the nearest ten, all chunks with its codes, the best ten
    for its words. ``shown`` is what a user sees: ids of the first ten hits, in order.
    """

    nearest: Ranked
    coded: frozenset[str]
    worded: Ranked
    shown: Sequence[str]


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that an index keeps: each chunk as it is shown, and its vector in the order."""

    shown: Mapping[ChunkId, Candidate]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """Contents, answers, and for each question the ten nearest by comparing with every vector."""

    contents: Contents
    answers: Sequence[Answer]
    exact: Sequence[Ranked]


async def seen(settings: Settings, records: int) -> Seen:
    """Read everything and ask the questions; no service runs."""
    async with stores_to_read(settings) as running, open_services(running) as services:
        contents = await _contents(services.index)
        chance = random.Random(2)
        engine = QueryEngine(services.index, services.embedder, leg_deadline_seconds=DEADLINE)
        answers, exact = [], []
        for _ in range(QUESTIONS):
            words, code = sentence(chance, 4), " ".join(codes(chance, records, 3))
            [vector] = services.embedder.embed([words])
            answer = await engine.answer(Query(words, limit=SHOWN, is_plain=True))
            shown = [str(hit.candidate.chunk_id) for hit in answer.hits]
            answers.append(await _answer(services.index, vector, words, code, shown))
            exact.append(_exactly_nearest(contents, vector))
        return Seen(contents, answers, exact)


async def _contents(index: SearchIndex) -> Contents:
    shown: dict[ChunkId, Candidate] = {}
    vectors = []
    async for page in index.chunk_ids():
        for start in range(0, len(page), PAGE):
            for kept in await index.fetch(page[start : start + PAGE]):
                shown[kept.shown.chunk_id] = kept.shown
                vectors.append(kept.embedding / np.linalg.norm(kept.embedding))
    return Contents(shown, np.array(vectors))


async def _answer(
    index: SearchIndex, vector: NDArray[np.float32], words: str, code: str, shown: Sequence[str]
) -> Answer:
    everything = SearchFilter()
    coded = await index.search_keyword(code, limit=CODED, where=everything)
    return Answer(
        first(await index.search_vector(vector, limit=WITH_EQUALS, where=everything)),
        frozenset(str(one.read().chunk_id) for one in coded),
        first(await index.search_keyword(words, limit=WITH_EQUALS, where=everything)),
        shown,
    )


def first(leg: Sequence[Match]) -> Ranked:
    return sorted((-round(one.score, 4), str(one.read().chunk_id)) for one in leg)[:SHOWN]


def _exactly_nearest(contents: Contents, vector: NDArray[np.float32]) -> Ranked:
    scores = contents.vectors @ vector
    ids = list(contents.shown)
    best = np.argsort(-scores)[:WITH_EQUALS]
    return sorted((-round(float(scores[at]), 4), str(ids[at])) for at in best)[:SHOWN]


def compared(mine: Seen, theirs: Seen) -> list[str]:
    """Sentences about what is the same in two sets of stores."""
    return [
        _contents_sentence(mine.contents, theirs.contents),
        _nearest_sentence(mine, theirs),
        _coded_sentence(mine.answers, theirs.answers),
        _worded_sentence(mine.answers, theirs.answers),
        _shown_sentence(mine.answers, theirs.answers),
    ]


def _contents_sentence(mine: Contents, theirs: Contents) -> str:
    same = sum(theirs.shown.get(chunk_id) == shown for chunk_id, shown in mine.shown.items())
    place = {chunk_id: at for at, chunk_id in enumerate(theirs.shown)}
    both = [(at, place[one]) for at, one in enumerate(mine.shown) if one in place]
    apart = np.abs(mine.vectors[[a for a, _ in both]] - theirs.vectors[[b for _, b in both]])
    return (
        f"contents: {same:,} of {len(mine.shown):,} chunks are the same ({len(theirs.shown):,} in "
        f"the other index), their vectors' numbers apart by at most {apart.max():.0e}"
    )


def _nearest_sentence(mine: Seen, theirs: Seen) -> str:
    pairs = [(a.nearest, b.nearest) for a, b in zip(mine.answers, theirs.answers, strict=True)]
    same = sum(_ids(a) == _ids(b) for a, b in pairs)
    hits = sum(len(_ids(a) & _ids(b)) for a, b in pairs)
    return (
        f"vector leg: {same} of {len(pairs)} questions have the same ten hits, {hits} of "
        f"{SHOWN * len(pairs)} hits in common; by comparing with every vector, these {_truth(mine)}"
        f", those {_truth(theirs)}"
    )


def _truth(seen: Seen) -> str:
    """How many of the truly nearest were found, and how far their scores are from the true ones."""
    pairs = [(answer.nearest, true) for answer, true in zip(seen.answers, seen.exact, strict=True)]
    found = sum(len(_ids(a) & _ids(b)) for a, b in pairs)
    return f"find {found} with scores off by at most {max(_apart(a, b) for a, b in pairs):.4f}"


def _apart(mine: Ranked, theirs: Ranked) -> float:
    """The largest difference between scores of hits that both have."""
    scores = {chunk: score for score, chunk in theirs}
    return max(
        (abs(score - scores[chunk]) for score, chunk in mine if chunk in scores), default=0.0
    )


def _coded_sentence(mine: Sequence[Answer], theirs: Sequence[Answer]) -> str:
    pairs = list(zip(mine, theirs, strict=True))
    same = sum(a.coded == b.coded for a, b in pairs)
    return (
        f"keyword leg: {same} of {len(pairs)} questions for codes find the same chunks, "
        f"{sum(len(a.coded) for a in mine)} in all"
    )


def _worded_sentence(mine: Sequence[Answer], theirs: Sequence[Answer]) -> str:
    pairs = [(a.worded, b.worded) for a, b in zip(mine, theirs, strict=True)]
    same = sum(_ids(a) == _ids(b) for a, b in pairs)
    hits = sum(len(_ids(a) & _ids(b)) for a, b in pairs)
    return (
        f"keyword leg: {same} of {len(pairs)} questions of common words have the same ten hits, "
        f"{sum(a == b for a, b in pairs)} at the same scores, {hits} of "
        f"{sum(len(b) for _, b in pairs)} hits in common"
    )


def _shown_sentence(mine: Sequence[Answer], theirs: Sequence[Answer]) -> str:
    pairs = [(a.shown, b.shown) for a, b in zip(mine, theirs, strict=True)]
    return (
        f"answers: {sum(set(a) == set(b) for a, b in pairs)} of {len(pairs)} have the same ten "
        f"hits, {sum(a == b for a, b in pairs)} in the same order, "
        f"{sum(a[:1] == b[:1] for a, b in pairs)} the same first hit, "
        f"{sum(len(set(a) & set(b)) for a, b in pairs)} of {sum(len(b) for _, b in pairs)} hits in "
        "common"
    )


def _ids(ranked: Ranked) -> set[str]:
    return {chunk for _, chunk in ranked}
