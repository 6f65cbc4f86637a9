"""Judged collections, with what each leg of the product finds for each of their queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from domain.blend_options import BlendOptions
from domain.models.chunks import Embedding
from domain.models.ids import RecordId
from domain.models.records import ContentType, Place, Record
from domain.models.search import Candidate, Hit, Match, Query, SearchFilter
from domain.ports.embedder import Embedder
from domain.ports.search_index import SearchIndex
from pipelines.comparing import compared_by_words
from pipelines.evaluation import Collection, EvaluationOptions, indexed
from pipelines.hit_making import KEYWORD, VECTOR, blended, shown_hits

DEPTH = 100
CANDIDATES = 100
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Legs = Mapping[str, Sequence[Match]]


@dataclass(frozen=True, slots=True, repr=False)
class Judged:
    """A query, its judgments, and what each leg found, to be blended in any way.

    ``by_words`` is the keyword leg with what it says of the vector leg's records, too. One that was
    ``asked_at`` a time does not know of what is later.
    """

    text: str
    group: str
    gains: Mapping[str, float]
    embedding: Embedding
    legs: Legs
    by_words: Sequence[Match]
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class JudgedSet:
    """``now`` is the time of the latest record found: ages are counted from there.

    Of megabytes, and ``asyncio.run`` asks for the representation of what it returns; so there is
    none.
    """

    name: str
    documents: int
    queries: Sequence[Judged]
    names: Mapping[RecordId, str]
    now: datetime

    def only(self, group: str) -> JudgedSet | None:
        """Its queries of a group, if there are any."""
        chosen = [query for query in self.queries if query.group == group]
        return replace(self, name=f"{self.name} ({group})", queries=chosen) if chosen else None

    def without(self, group: str) -> JudgedSet:
        chosen = [query for query in self.queries if query.group != group]
        return replace(self, queries=chosen)

    def every(self, most: int) -> JudgedSet:
        """Of many queries about ``most``, spread over all."""
        step = max(1, len(self.queries) // most)
        return replace(self, queries=self.queries[::step])

    def hits(
        self,
        query: Judged,
        options: BlendOptions,
        *,
        legs: Sequence[str] = (KEYWORD, VECTOR),
        is_compared: bool = True,
        by_words: bool = True,
        limit: int = DEPTH,
    ) -> list[Hit[Candidate]]:
        rankings = {leg: query.legs[leg] for leg in legs}
        if by_words and len(rankings) > 1:
            rankings[KEYWORD] = query.by_words
        return hits_of(
            rankings,
            Query(query.text, limit=limit),
            options,
            embedding=query.embedding if is_compared else None,
            now=query.asked_at or self.now,
        )

    def named(self, hits: Sequence[Hit[Candidate]]) -> list[str]:
        return [self.names[hit.candidate.record_id] for hit in hits]


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    gains: Mapping[str, float]
    group: str = ""
    asked_at: datetime | None = None


async def judged_set(
    directory: Path, embedder: Embedder, work_dir: Path, more: Sequence[Question] = ()
) -> JudgedSet:
    """Index the collection as the product does, and ask both legs its questions and ``more``."""
    collection = Collection(directory)
    options = EvaluationOptions(record_of=record_of)
    async with indexed(collection, embedder, work_dir, options) as (index, names):
        asked = [*_questions(collection), *more]
        queries = [await _judged(question, embedder, index) for question in asked]
    moments = (
        match.timestamp for query in queries for legs in query.legs.values() for match in legs
    )
    now = max((moment for moment in moments if moment), default=LONG_AGO)
    return JudgedSet(name_of(directory), len(names), queries, names, now)


def name_of(directory: Path) -> str:
    return "/".join(directory.parts[-2:]) if directory.name == "ir" else directory.name


async def _judged(question: Question, embedder: Embedder, index: SearchIndex) -> Judged:
    embedding = embedder.embed([question.text])[0]
    where = SearchFilter(until=question.asked_at)
    by_meaning = await index.search_vector(embedding, limit=CANDIDATES, where=where)
    by_words = await index.search_keyword(question.text, limit=CANDIDATES, where=where)
    legs = {VECTOR: _read_once(by_meaning), KEYWORD: _read_once(by_words)}
    compared = await compared_by_words(index, question.text, legs)
    return Judged(
        question.text,
        question.group,
        question.gains,
        embedding,
        legs,
        _read_once(compared),
        question.asked_at,
    )


def _read_once(matches: Sequence[Match]) -> list[Match]:
    return [match._replace(read=cache(match.read)) for match in matches]


def _questions(collection: Collection) -> list[Question]:
    """The judged ones; their group is their language, where the collection says it."""
    judgments = collection.judgments()
    return [
        Question(
            each.get("text") or "",
            judgments[str(each["_id"])],
            (each.get("metadata") or {}).get("lang", ""),
        )
        for each in collection.queries()
        if str(each["_id"]) in judgments
    ]


def record_of(document: Mapping[str, Any]) -> Record:
    """With the source and the time that the collection's metadata give, if they do."""
    metadata = document.get("metadata") or {}
    time = metadata.get("time") or metadata.get("date")
    return Record(
        source_type=metadata.get("source") or "evaluation",
        native_id=str(document["_id"]),
        content_type=ContentType.DOCUMENT,
        content=document.get("text") or "",
        place=Place(0, 0),
        title=document.get("title") or None,
        timestamp=moment_of(time) if time else None,
    )


def moment_of(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def hits_of(
    rankings: Mapping[str, Sequence[Match]],
    query: Query,
    options: BlendOptions,
    *,
    embedding: Embedding | None = None,
    now: datetime | None = None,
) -> list[Hit[Candidate]]:
    """What the legs found, by their names, as the answer shows it: blended, folded and read."""
    hits = blended(rankings, options, embedding=embedding, now=now, arriving={})
    return shown_hits(hits, query.text, query.where, options, limit=query.limit, arriving=())
