"""The life of a query: validate, embed, search both legs at once, blend."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter

import structlog

from domain.blend_options import BlendOptions, Collapse
from domain.blending import blend, with_all_compared
from domain.collapsing import LOOKED_AT_BEYOND, Found, collapse
from domain.errors import IndexUnavailableError, InvalidQueryError, RequestError
from domain.models.chunks import Embedding
from domain.models.ids import RecordId
from domain.models.search import Answer, Candidate, Hit, Match, Query, SearchFilter, SearchMode
from domain.passages import best_member
from domain.ports.clock import Clock
from domain.ports.embedder import Embedder
from domain.ports.entities import Entities
from domain.ports.full_text import FullText
from domain.ports.search_index import SearchIndex

MAX_LIMIT = 200
MAX_QUERY_CHARS = 32_768
MAX_INLINE_CHARS = 200
"""Texts up to this length are embedded where they are, longer ones in a thread."""

VECTOR = "vector"
KEYWORD = "keyword"
DEEP_CANDIDATES = 1_000
"""Per leg, where most of what is found may be left out afterwards."""
FULL_TEXT = "full_text"
"""Answers when no leg of the index does."""

_log = structlog.get_logger(__name__)


class QueryEngine:
    """Answers queries from one index. Safe for concurrent use."""

    def __init__(
        self,
        index: SearchIndex,
        embedder: Embedder,
        *,
        candidates_per_leg: int = 100,
        leg_deadline_seconds: float = 2.0,
        blend_options: BlendOptions | None = None,
        clock: Clock | None = None,
        full_text: FullText | None = None,
        entities: Entities | None = None,
        unavailable: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """``entities`` says of which records an entity is, for queries that ask for one.

        ``unavailable`` names the dependencies that are known to be away. Without a ``clock``
        nothing is favoured for being recent.
        """
        self._index = index
        self._embedder = embedder
        self._candidates_per_leg = candidates_per_leg
        self._leg_deadline_seconds = leg_deadline_seconds
        self._blend_options = blend_options or BlendOptions()
        self._clock = clock
        self._full_text = full_text
        self._entities = entities
        self._unavailable = unavailable

    async def answer(self, query: Query, options: BlendOptions | None = None) -> Answer:
        """Answer ``query``; ``options`` replace the engine's own way of blending.

        A leg that fails or misses its deadline is left out and named in ``degraded``. When none
        is left, another stands in for them: the keyword leg, then the store's full text.

        Raises:
            InvalidQueryError: the text, the limit or a filter makes no sense; says which.
            NotFoundError: it asks for an entity that there is not.
            IndexUnavailableError: no leg gave an answer.
            StoreUnavailableError: it asks for an entity, and nobody can tell its records.
        """
        started = perf_counter()
        _validate(query)
        stages_ms: dict[str, float] = {}
        query = await self._looked_up(query, stages_ms)
        asked = _Asked(query, stages_ms)
        legs = list(await asyncio.gather(*self._legs(asked)))
        if all(leg.matches is None for leg in legs):
            legs += await self._stand_in(asked)
        answered = {leg.name: leg.matches for leg in legs if leg.matches is not None}
        if not answered:
            raise _no_leg_answered(legs)
        blending = perf_counter()
        hits = hits_of(
            answered,
            query,
            options or self._blend_options,
            embedding=asked.embedding,
            now=self._clock.now() if self._clock else None,
        )
        stages_ms["blend"] = _ms_since(blending)
        return Answer(
            hits=tuple(hits),
            took_ms=_ms_since(started),
            stages_ms=stages_ms,
            degraded=tuple(leg.name for leg in legs if leg.matches is None),
            unavailable=tuple(self._unavailable()),
        )

    async def _stand_in(self, asked: _Asked) -> list[_Leg]:
        """Legs that were not asked for, one after the other until one answers."""
        tried: list[_Leg] = []
        where = asked.query.where
        if asked.query.mode is SearchMode.VECTOR:
            tried.append(await self._run(KEYWORD, self._search_keyword(asked), where))
        if self._full_text is not None and not any(leg.matches is not None for leg in tried):
            search = self._search_full_text(self._full_text, asked)
            tried.append(await self._run(FULL_TEXT, search, where))
        return tried

    def _legs(self, asked: _Asked) -> list[Awaitable[_Leg]]:
        legs: list[Awaitable[_Leg]] = []
        mode, where = asked.query.mode, asked.query.where
        if mode is not SearchMode.KEYWORD:
            legs.append(self._run(VECTOR, self._search_vector(asked), where))
        if mode is not SearchMode.VECTOR:
            legs.append(self._run(KEYWORD, self._search_keyword(asked), where))
        return legs

    async def _looked_up(self, query: Query, stages_ms: dict[str, float]) -> Query:
        """The query with the records of the entity that it asks for, if it does."""
        where = query.where
        if where.entity is None or self._entities is None:
            return query
        started = perf_counter()
        within = await self._entities.within(
            where.entity, model=self._embedder.model, scope=where.scope
        )
        stages_ms["entity"] = _ms_since(started)
        return replace(query, where=replace(where, within=within))

    async def _run(self, name: str, search: Awaitable[list[Match]], where: SearchFilter) -> _Leg:
        try:
            async with asyncio.timeout(self._leg_deadline_seconds):
                return _Leg(name, _within(await search, where))
        except RequestError:
            raise
        # Whatever broke a leg, the other one can still answer; the log keeps the reason.
        except Exception as error:
            _log.warning("query_leg_failed", leg=name, error=repr(error))
            return _Leg(name, None, error)

    async def _search_vector(self, asked: _Asked) -> list[Match]:
        query = asked.query
        embedding = asked.embedding = await self._embed(asked)
        started = perf_counter()
        found = await self._index.search_vector(
            embedding, limit=self._depth(query), where=query.where, text=query.text
        )
        asked.stages_ms[VECTOR] = _ms_since(started)
        return found

    async def _search_keyword(self, asked: _Asked) -> list[Match]:
        query = asked.query
        started = perf_counter()
        found = await self._index.search_keyword(
            query.text, limit=self._depth(query), where=query.where
        )
        asked.stages_ms[KEYWORD] = _ms_since(started)
        return found

    async def _search_full_text(self, full_text: FullText, asked: _Asked) -> list[Match]:
        query = asked.query
        started = perf_counter()
        found = await full_text.search(query.text, limit=self._depth(query), where=query.where)
        asked.stages_ms[FULL_TEXT] = _ms_since(started)
        return found

    async def _embed(self, asked: _Asked) -> Embedding:
        # Waiting for a thread costs a query 4 ms, as both legs' work is in its way (measured); a
        # long text would hold up everybody else for 20.
        text = asked.query.text
        started = perf_counter()
        if len(text) <= MAX_INLINE_CHARS:
            rows = self._embedder.embed([text])
        else:
            rows = await asyncio.to_thread(self._embedder.embed, [text])
        asked.stages_ms["embed"] = _ms_since(started)
        row: Embedding = rows[0]
        return row

    def _depth(self, query: Query) -> int:
        within = query.where.within
        if within is not None and within.chunks is None:
            return max(DEEP_CANDIDATES, query.limit)
        return max(self._candidates_per_leg, query.limit)


def hits_of(
    rankings: Mapping[str, Sequence[Match]],
    query: Query,
    options: BlendOptions,
    *,
    embedding: Embedding | None = None,
    now: datetime | None = None,
) -> list[Hit[Candidate]]:
    """What the legs found, by their names, as the answer shows it: blended, folded and read.

    With the query's ``embedding`` the vector leg has a score for what only the words found, too.
    """
    if embedding is not None and VECTOR in rankings and KEYWORD in rankings:
        compared = with_all_compared(rankings[VECTOR], rankings[KEYWORD], embedding)
        rankings = {**rankings, VECTOR: compared}
    beyond = 0 if options.collapse is Collapse.NONE else LOOKED_AT_BEYOND
    blended = blend(rankings, options, limit=query.limit + beyond, now=now)
    kept = collapse([_read(hit) for hit in blended], options.collapse, limit=query.limit)
    return [_with_best_member(hit, query) for hit in kept]


@dataclass(slots=True)
class _Asked:
    """A query on its way, with what its legs leave behind."""

    query: Query
    stages_ms: dict[str, float]
    embedding: Embedding | None = None


@dataclass(frozen=True, slots=True)
class _Leg:
    """What became of a leg: matches, or ``None`` and why."""

    name: str
    matches: list[Match] | None
    error: Exception | None = None


def _within(matches: list[Match], where: SearchFilter) -> list[Match]:
    """Those of records that the search stays within; of a passage one member has to be."""
    if where.within is None:
        return matches
    records = where.within.records
    return [match for match in matches if _speaks_of(match.read(), records)]


def _speaks_of(found: Candidate, records: frozenset[RecordId]) -> bool:
    if found.members:
        return any(member.record_id in records for member in found.members)
    return found.record_id in records


def _read(hit: Hit[Match]) -> Found:
    match = hit.candidate
    return Found(Hit(match.read(), hit.score, hit.contributions), match.vector)


def _with_best_member(hit: Hit[Candidate], query: Query) -> Hit[Candidate]:
    """Of a passage the record that fits the query best, of those asked for."""
    found, within = hit.candidate, query.where.within
    if not found.members:
        return hit
    members = [one for one in found.members if not within or one.record_id in within.records]
    best = best_member(found.text, members, query.text)
    return replace(hit, candidate=replace(found, record_id=best.record_id))


def _validate(query: Query) -> None:
    if not query.text.strip():
        raise InvalidQueryError("the query is empty: say what to look for")
    if len(query.text) > MAX_QUERY_CHARS:
        raise InvalidQueryError(f"the query is longer than {MAX_QUERY_CHARS} characters")
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidQueryError(f"limit must be 1 to {MAX_LIMIT}, not {query.limit}")
    since, until = query.where.since, query.where.until
    for name, moment in (("since", since), ("until", until)):
        if moment and moment.tzinfo is None:
            raise InvalidQueryError(f"{name} must say its time zone")
    if since and until and since >= until:
        raise InvalidQueryError("since must be earlier than until")


def _no_leg_answered(legs: Sequence[_Leg]) -> IndexUnavailableError:
    reasons = "; ".join(f"{leg.name}: {_reason(leg)}" for leg in legs)
    error = IndexUnavailableError(f"the search gave no answer ({reasons}); try again")
    error.__cause__ = legs[0].error
    return error


def _reason(leg: _Leg) -> str:
    return "too late" if isinstance(leg.error, TimeoutError) else str(leg.error)


def _ms_since(started: float) -> float:
    return (perf_counter() - started) * 1000.0
