"""Judged collections, with what each leg of the product finds for each of their queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from domain.blend_options import BlendOptions
from domain.models.chunks import Embedding
from domain.models.ids import RecordId
from domain.models.records import ContentType, Place, Record
from domain.models.search import Match, Query, SearchFilter
from domain.ports.embedder import Embedder
from pipelines.evaluation import Collection, EvaluationOptions, indexed
from pipelines.querying import KEYWORD, VECTOR, hits_of

DEPTH = 100
CANDIDATES = 100
EVERYTHING = SearchFilter()

Legs = Mapping[str, Sequence[Match]]


@dataclass(frozen=True, slots=True, repr=False)
class Judged:
    """A query, its judgments, and what each leg found, to be blended in any way."""

    text: str
    group: str
    gains: Mapping[str, float]
    embedding: Embedding
    legs: Legs


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

    def only(self, group: str) -> JudgedSet:
        chosen = [query for query in self.queries if query.group == group]
        return replace(self, name=f"{self.name} ({group})", queries=chosen)

    def every(self, most: int) -> JudgedSet:
        """Of many queries about ``most``, spread over all."""
        step = max(1, len(self.queries) // most)
        return replace(self, queries=self.queries[::step])

    def ranking(
        self, query: Judged, options: BlendOptions, *, legs: Sequence[str], is_compared: bool
    ) -> list[str]:
        hits = hits_of(
            {leg: query.legs[leg] for leg in legs},
            Query(query.text, limit=DEPTH),
            options,
            embedding=query.embedding if is_compared else None,
            now=self.now,
        )
        return [self.names[hit.candidate.record_id] for hit in hits]


async def judged_set(directory: Path, embedder: Embedder, work_dir: Path) -> JudgedSet:
    """Index the collection as the product does, and ask both legs every judged query."""
    collection = Collection(directory)
    judgments = collection.judgments()
    groups = _groups(collection)
    name = directory.name if directory.name != "ir" else f"{directory.parent.name}/ir"
    options = EvaluationOptions(record_of=_record)
    latest = datetime(1970, 1, 1, tzinfo=UTC)
    async with indexed(collection, embedder, work_dir, options) as (index, names):
        queries: list[Judged] = []
        for query_id, text in collection.judged_queries():
            embedding = embedder.embed([text])[0]
            by_meaning = await index.search_vector(embedding, limit=CANDIDATES, where=EVERYTHING)
            by_words = await index.search_keyword(text, limit=CANDIDATES, where=EVERYTHING)
            legs = {VECTOR: by_meaning, KEYWORD: by_words}
            queries.append(Judged(text, groups[query_id], judgments[query_id], embedding, legs))
            found = (match.timestamp for match in (*by_meaning, *by_words))
            latest = max([latest, *(moment for moment in found if moment)])
        return JudgedSet(name, len(names), queries, names, latest)


def _groups(collection: Collection) -> dict[str, str]:
    """By query id: its language, where the collection says it."""
    return {
        str(each["_id"]): (each.get("metadata") or {}).get("lang", "")
        for each in collection.queries()
    }


def _record(document: Mapping[str, Any]) -> Record:
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
        timestamp=_moment(time) if time else None,
    )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
