"""A search index without files: exact vectors and textbook BM25, for tests and small runs."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from domain.errors import DimensionMismatchError
from domain.models.chunks import (
    Chunk,
    EmbeddedChunk,
    Embedding,
    entries_of,
    heading_of,
    label,
    labels_of,
)
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import Candidate, KeptChunk, Match, SearchFilter, Within, scored_as
from domain.text_conditions import are_met
from domain.words import asked_words

K1, B = 1.2, 0.75
PAGE = 1_000

_WORD = re.compile(r"\w+")
_SUFFIX = re.compile(r"(?:ing|ed|es|s)$")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "a an and are as at be but by for if in into is it no not of on or such that the their "
        "then there these they this to was will with"
    )
)


class InMemorySearchIndex:
    """Fulfils ``SearchIndex``; every search looks at every chunk."""

    def __init__(self, *, dimension: int) -> None:
        self._dimension = dimension
        self._chunks: dict[ChunkId, EmbeddedChunk] = {}

    @property
    def dimension(self) -> int:
        return self._dimension

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        for embedded in chunks:
            self._check(embedded.embedding)
        self._chunks |= {embedded.chunk.chunk_id: embedded for embedded in chunks}

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        for chunk_id in chunk_ids:
            self._chunks.pop(chunk_id, None)

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        records = set(record_ids)
        for chunk_id, embedded in self._chunks.items():
            if embedded.chunk.record.record_id in records:
                self._chunks[chunk_id] = replace(embedded, file_id=file_id)

    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter, text: str = ""
    ) -> list[Match]:
        self._check(embedding)
        found = self._satisfying(where)
        return _best([(float(np.dot(each.embedding, embedding)), each) for each in found], limit)

    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        # As in a real index, word statistics are those of all chunks, filtered or not.
        bags = {chunk_id: Counter(_words_of(each)) for chunk_id, each in self._chunks.items()}
        mean_length = sum(bag.total() for bag in bags.values()) / max(1, len(bags))
        weights = {word: _rarity(word, bags) for word in _words(asked_words(text))}
        scored = [
            (_bm25(weights, bags[each.chunk.chunk_id], mean_length), each)
            for each in self._satisfying(where)
        ]
        return _best([(score, each) for score, each in scored if score > 0], limit)

    async def score_keyword(self, text: str, matches: Sequence[Match]) -> list[Match]:
        among = SearchFilter(within=Within.matches(matches))
        found = await self.search_keyword(text, limit=len(matches), where=among)
        return scored_as(found, matches)

    async def newest(self, *, limit: int, where: SearchFilter) -> list[Match]:
        found = self._satisfying(where)
        known = [each for each in found if each.chunk.record.timestamp]
        ranked = sorted(known, key=lambda each: (-_seconds(each), str(each.chunk.chunk_id)))
        undated = [each for each in found if not each.chunk.record.timestamp]
        ranked += sorted(undated, key=lambda each: str(each.chunk.chunk_id))
        return [_match(each, _seconds(each)) for each in ranked[:limit]]

    async def count(self) -> int:
        return len(self._chunks)

    async def chunk_ids(self) -> AsyncIterator[Sequence[ChunkId]]:
        ids = list(self._chunks)
        for start in range(0, len(ids), PAGE):
            yield ids[start : start + PAGE]

    async def fetch(self, chunk_ids: Sequence[ChunkId]) -> Sequence[KeptChunk]:
        found = [self._chunks[one] for one in set(chunk_ids) if one in self._chunks]
        return [KeptChunk(_candidate(each, 0.0), each.embedding) for each in found]

    async def optimize(self) -> None: ...

    async def refresh(self) -> None: ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...

    def _check(self, embedding: Embedding) -> None:
        if embedding.shape != (self._dimension,):
            raise DimensionMismatchError(
                f"an embedding has shape {embedding.shape}, "
                f"the search index needs ({self._dimension},)"
            )

    def _satisfying(self, where: SearchFilter) -> list[EmbeddedChunk]:
        return [each for each in self._chunks.values() if _satisfies(each.chunk, where)]


def _satisfies(chunk: Chunk, where: SearchFilter) -> bool:
    record = chunk.record
    principals, moment = where.scope.principals, record.timestamp
    chunks = where.within.chunks if where.within else None
    wanted = {label(key, value) for key, value in where.metadata.items()}
    return (
        (not where.sources or record.source_type in where.sources)
        and (not where.content_types or record.content_type in where.content_types)
        and (where.since is None or (moment is not None and moment >= where.since))
        and (where.until is None or (moment is not None and moment < where.until))
        and wanted <= set(labels_of(chunk))
        and (chunks is None or chunk.chunk_id in chunks)
        and are_met(where, chunk.embedding_text, entries_of(chunk.all_metadata, record.author))
        and (principals is None or not set(principals).isdisjoint(record.visibility))
    )


def _words(text: str) -> list[str]:
    return [
        _SUFFIX.sub("", word) if len(word) > 4 else word
        for word in _WORD.findall(text.lower())
        if word not in _STOP_WORDS
    ]


def _words_of(embedded: EmbeddedChunk) -> list[str]:
    return _words(embedded.chunk.search_text)


def _seconds(embedded: EmbeddedChunk) -> float:
    moment = embedded.chunk.record.timestamp
    return moment.timestamp() if moment else 0.0


def _rarity(word: str, bags: Mapping[ChunkId, Counter[str]]) -> float:
    containing = sum(word in bag for bag in bags.values())
    return math.log(1 + (len(bags) - containing + 0.5) / (containing + 0.5))


def _bm25(weights: Mapping[str, float], bag: Counter[str], mean_length: float) -> float:
    norm = K1 * (1 - B + B * bag.total() / max(1.0, mean_length))
    return sum(w * bag[word] * (K1 + 1) / (bag[word] + norm) for word, w in weights.items())


def _best(scored: Sequence[tuple[float, EmbeddedChunk]], limit: int) -> list[Match]:
    ranked = sorted(scored, key=lambda pair: (-pair[0], pair[1].chunk.chunk_id))
    return [_match(embedded, score) for score, embedded in ranked[:limit]]


def _match(embedded: EmbeddedChunk, score: float) -> Match:
    record = embedded.chunk.record
    read = partial(_candidate, embedded, score)
    return Match(
        record.record_id,
        record.source_type,
        score,
        read,
        record.timestamp,
        embedded.embedding,
        heading=heading_of(record.title),
    )


def _candidate(embedded: EmbeddedChunk, score: float) -> Candidate:
    chunk, record = embedded.chunk, embedded.chunk.record
    return Candidate(
        chunk_id=chunk.chunk_id,
        record_id=record.record_id,
        file_id=embedded.file_id,
        score=score,
        text=chunk.text,
        source_type=record.source_type,
        content_type=record.content_type,
        title=record.title,
        author=record.author,
        timestamp=record.timestamp,
        url=record.url,
        thread=record.thread,
        metadata=chunk.all_metadata,
        start=chunk.start,
        end=chunk.end,
        members=chunk.members,
    )
