"""The life of a query: understand, embed, search all legs at once, blend, cut a page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter

import structlog

from domain.arriving import ARRIVING, to_add
from domain.blend_options import IDENTIFIER, BlendOptions
from domain.errors import IndexUnavailableError, InvalidQueryError, RequestError
from domain.models.analysis import AnalysedQuery, Identifier
from domain.models.chunks import Embedding
from domain.models.ids import RecordId
from domain.models.search import Answer, Candidate, Hit, Match, Query, SearchFilter, SearchMode
from domain.paging import MAX_DEPTH, Cursor, continued, decoded, mark_of
from domain.ports.clock import Clock
from domain.ports.embedder import Embedder
from domain.ports.entities import Entities
from domain.ports.full_text import FullText
from domain.ports.identifier_lookup import IdentifierLookup
from domain.ports.search_index import SearchIndex
from domain.query_analysis import narrowed
from pipelines.arrivals import ArrivalFollower
from pipelines.comparing import compared_by_words
from pipelines.embedding_queries import Embed, embed_alone
from pipelines.hit_making import KEYWORD, NEWEST, VECTOR, blended, in_order, shown_hits, within
from pipelines.understanding import understood

MAX_LIMIT = 200
FULL_TEXT = "full_text"
"""Answers when no leg of the index does."""
COMPARISON = "compare"  # No leg, but it may fail like one.

_Rankings = Mapping[str, Sequence[Match]]
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
        compares_by_words: bool = True,
        clock: Clock | None = None,
        full_text: FullText | None = None,
        entities: Entities | None = None,
        identifiers: IdentifierLookup | None = None,
        arriving: ArrivalFollower | None = None,
        unavailable: Callable[[], Sequence[str]] = tuple,
        generation: Callable[[], str] = str,
        embed: Embed = embed_alone,
    ) -> None:
        """``entities`` says of which records an entity is, for queries that ask for one.

        ``unavailable`` names the dependencies that are known to be away, ``generation`` the
        content that is searched at this moment. Without a ``clock`` nothing is favoured for being
        recent; with ``compares_by_words`` the keyword leg scores what only vectors found.
        """
        self._index = index
        self._embedder = embedder
        self._candidates_per_leg = candidates_per_leg
        self._leg_deadline_seconds = leg_deadline_seconds
        self._blend_options = blend_options or BlendOptions()
        self._compares_by_words = compares_by_words
        self._clock = clock
        self._full_text = full_text
        self._entities = entities
        self._identifiers = identifiers
        self._arriving = arriving
        self._unavailable = unavailable
        self._generation = generation
        self._embed_text = embed

    async def answer(self, query: Query, options: BlendOptions | None = None) -> Answer:
        """Answer ``query``; ``options`` replace the engine's own way of blending.

        A leg that fails or misses its deadline is left out and named in ``degraded``. When none
        is left, another stands in for them: the keyword leg, then the store's full text. Where
        the query has filters alone, the newest hits come first.

        Raises:
            InvalidQueryError: the text, the limit, the cursor or a filter makes no sense; says
                which. Or there are more hits than can be paged through.
            NotFoundError: it asks for an entity that there is not.
            IndexUnavailableError: no leg gave an answer.
            StoreUnavailableError: it asks for an entity, and nobody can tell its records.
        """
        started = perf_counter()
        if query.analysis is None:
            query = understood(query, now=datetime.now(UTC))
        options = options or self._blend_options
        stages_ms: dict[str, float] = {}
        search = await self._looked_up(_search_of(query), stages_ms)
        cursor = self._cursor(query, search.where, options)
        page = await self._page(search, cursor, options, query.limit, stages_ms)
        return Answer(
            hits=tuple(page.hits),
            took_ms=_ms_since(started),
            stages_ms=stages_ms,
            degraded=page.degraded,
            unavailable=tuple(self._unavailable()),
            analysis=query.analysis,
            next_cursor=page.next_cursor(cursor),
            index_changed=cursor.generation != self._mark_of_generation(),
        )

    async def _looked_up(self, search: _Search, stages_ms: dict[str, float]) -> _Search:
        """With the records of the entity that it asks for, if it does."""
        where = search.where
        if where.entity is None or self._entities is None:
            return search
        started = perf_counter()
        within = await self._entities.within(
            where.entity, model=self._embedder.model, scope=where.scope
        )
        _add_time(stages_ms, "entity", started)
        return replace(search, where=replace(where, within=within))

    def _cursor(self, query: Query, where: SearchFilter, options: BlendOptions) -> Cursor:
        """The query's own, or one for the first page.

        Raises:
            InvalidQueryError: it is that of another question.
        """
        question = mark_of(query.text, query.mode, query.where, query.is_plain, options)
        if query.cursor is None:
            is_deep = where.within is not None and where.within.chunks is None
            depth = MAX_DEPTH if is_deep else max(self._candidates_per_leg, query.limit)
            said = query.analysis
            since, until = (said.since, said.until) if said else (None, None)
            generation = self._mark_of_generation()
            # Kept only where it counts: without it, cursors of equal questions are equal.
            now = self._clock.now() if self._clock and options.recency else None
            return Cursor(question, generation, depth, since=since, until=until, now=now)
        cursor = decoded(query.cursor)
        if cursor.question != question:
            raise InvalidQueryError(
                "the cursor is that of another question: ask the same again, or leave it out"
            )
        return cursor

    def _mark_of_generation(self) -> str:
        return mark_of(self._generation())

    async def _page(
        self,
        search: _Search,
        cursor: Cursor,
        options: BlendOptions,
        limit: int,
        stages_ms: dict[str, float],
    ) -> _Page:
        end = cursor.offset + limit

        def shown(ranking: _Ranking) -> list[Hit[Candidate]]:
            """One more than the page needs, so that it is seen whether there is a next one."""
            return shown_hits(
                ranking.hits,
                search.text,
                search.where,
                options,
                limit=end + 1,
                arriving=ranking.arriving,
            )

        ranking = await self._rank(search, cursor, options, stages_ms)
        hits = shown(ranking)
        if end > len(hits) and ranking.is_cut and cursor.depth < MAX_DEPTH:
            deeper = replace(cursor, depth=MAX_DEPTH)
            ranking = ranking.then(await self._rank(search, deeper, options, stages_ms))
            hits = shown(ranking)
        has_more = ranking.is_cut or end < len(hits)
        if has_more and len(hits) <= cursor.offset > 0:
            raise InvalidQueryError(
                f"no more than {len(hits)} hits of this question can be paged through: "
                "narrow it down, by operators or filters"
            )
        page = hits[cursor.offset : end]
        # What was shown, as a page may be short; but an empty one must not lead to itself.
        next_offset = min(cursor.offset + (len(page) or limit), MAX_DEPTH)
        return _Page(page, next_offset, has_more, ranking.degraded)

    async def _rank(
        self, search: _Search, cursor: Cursor, options: BlendOptions, stages_ms: dict[str, float]
    ) -> _Ranking:
        depth, began = cursor.depth, perf_counter()
        legs = list(await asyncio.gather(*self._legs(search, depth, stages_ms)))
        if all(leg.matches is None for leg in legs if leg.name not in (IDENTIFIER, ARRIVING)):
            legs += await self._stand_in(search, depth, stages_ms)
        answered = {leg.name: leg.matches for leg in legs if leg.matches is not None}
        # The store's full text has what is arriving, too.
        arriving = () if FULL_TEXT in answered else answered.pop(ARRIVING, ())
        if not answered and not arriving:
            raise _no_leg_answered(legs)
        if not answered.get(IDENTIFIER, True):
            # A leg that found nothing takes no share of the score.
            del answered[IDENTIFIER]
        # Words that bring fewer have been heard of all that have them.
        is_full = any(leg.name == KEYWORD and leg.found >= depth for leg in legs)
        if self._compares_by_words and is_full and VECTOR in answered:
            legs.append(await self._compare_by_words(search, answered, began, stages_ms))
            answered[KEYWORD] = legs[-1].matches or answered[KEYWORD]
        started = perf_counter()
        added = to_add(arriving, answered)
        hits = blended(
            answered, options, embedding=search.embedding, now=cursor.now, arriving=added
        )
        _add_time(stages_ms, "blend", started)
        is_cut = any(leg.found >= depth for leg in legs)
        failed = tuple(leg.name for leg in legs if leg.matches is None)
        return _ranking_of(hits, is_cut, failed, frozenset(added))

    async def _compare_by_words(
        self, search: _Search, answered: _Rankings, began: float, stages_ms: dict[str, float]
    ) -> _Leg:
        """In what is left of the legs' time since they ``began``."""
        left = self._leg_deadline_seconds - _ms_since(began) / 1000.0
        compared = compared_by_words(self._index, search.text, answered)
        leg = await self._run(COMPARISON, compared, SearchFilter(), stages_ms, seconds=left)
        return replace(leg, found=0)  # It is no reason to look deeper.

    async def _stand_in(
        self, search: _Search, depth: int, stages_ms: dict[str, float]
    ) -> list[_Leg]:
        """Legs that were not asked for, one after the other until one answers."""
        if not search.text:
            return []
        tried: list[_Leg] = []
        if search.mode is SearchMode.VECTOR:
            found = self._index.search_keyword(search.text, limit=depth, where=search.where)
            tried.append(await self._run(KEYWORD, found, search.where, stages_ms))
        if self._full_text is not None and not any(leg.matches is not None for leg in tried):
            found = self._full_text.search(search.text, limit=depth, where=search.where)
            tried.append(await self._run(FULL_TEXT, found, search.where, stages_ms))
        return tried

    def _legs(
        self, search: _Search, depth: int, stages_ms: dict[str, float]
    ) -> list[Awaitable[_Leg]]:
        where, text, asked = search.where, search.text, dict[str, Awaitable[Sequence[Match]]]()
        if not text:
            asked[NEWEST] = self._index.newest(limit=depth, where=where)
        if text and search.mode is not SearchMode.KEYWORD:
            asked[VECTOR] = self._search_vector(search, depth, stages_ms)
        if text and search.mode is not SearchMode.VECTOR:
            asked[KEYWORD] = self._index.search_keyword(text, limit=depth, where=where)
            if self._arriving is not None and self._arriving.are_any:
                asked[ARRIVING] = self._arriving.search(text, limit=depth, where=where)
        if search.identifiers and self._identifiers is not None:
            asked[IDENTIFIER] = self._identifiers.find(
                search.identifiers, text=text, limit=depth, where=where
            )
        return [self._run(name, found, where, stages_ms) for name, found in asked.items()]

    async def _run(
        self,
        name: str,
        search: Awaitable[Sequence[Match]],
        where: SearchFilter,
        stages_ms: dict[str, float],
        *,
        seconds: float | None = None,
    ) -> _Leg:
        started = perf_counter()
        try:
            async with asyncio.timeout(self._leg_deadline_seconds if seconds is None else seconds):
                found = await search
                matches = in_order(name, within(found, where))
        except RequestError:
            raise
        # Whatever broke a leg, the other one can still answer; the log keeps the reason.
        except Exception as error:
            _log.warning("query_leg_failed", leg=name, error=repr(error))
            return _Leg(name, None, error)
        _add_time(stages_ms, name, started)
        return _Leg(name, matches, found=len(found))

    async def _search_vector(
        self, search: _Search, depth: int, stages_ms: dict[str, float]
    ) -> list[Match]:
        if search.embedding is None:
            search.embedding = await self._embed(search.text, stages_ms)
        return await self._index.search_vector(
            search.embedding, limit=depth, where=search.where, text=search.text
        )

    async def _embed(self, text: str, stages_ms: dict[str, float]) -> Embedding:
        started = perf_counter()
        embedding = await self._embed_text(self._embedder, text)
        _add_time(stages_ms, "embed", started)
        return embedding


@dataclass(slots=True)
class _Search:
    """What the legs are asked; without ``text`` the newest of what ``where`` lets pass.

    ``embedding`` is that of ``text``, once it is known.
    """

    text: str
    mode: SearchMode
    where: SearchFilter
    identifiers: tuple[Identifier, ...]
    embedding: Embedding | None = None


@dataclass(frozen=True, slots=True)
class _Ranking:
    """``is_cut`` says that there may be more: a leg's candidates, or hits beyond ``MAX_DEPTH``.

    ``arriving`` are the records among them that the index does not have.
    """

    hits: Sequence[Hit[Match]]
    is_cut: bool
    degraded: tuple[str, ...]
    arriving: frozenset[RecordId]

    def then(self, deeper: _Ranking) -> _Ranking:
        """This one, and behind it what only the deeper one has."""
        hits = continued(self.hits, deeper.hits)
        degraded = tuple(dict.fromkeys((*self.degraded, *deeper.degraded)))
        return _ranking_of(hits, deeper.is_cut, degraded, self.arriving | deeper.arriving)


def _ranking_of(
    hits: Sequence[Hit[Match]],
    is_cut: bool,
    degraded: tuple[str, ...],
    arriving: frozenset[RecordId],
) -> _Ranking:
    if len(hits) > MAX_DEPTH:
        return _Ranking(hits[:MAX_DEPTH], True, degraded, arriving)
    return _Ranking(hits, is_cut, degraded, arriving)


@dataclass(frozen=True, slots=True)
class _Page:
    hits: Sequence[Hit[Candidate]]
    next_offset: int
    has_more: bool
    degraded: tuple[str, ...]

    def next_cursor(self, cursor: Cursor) -> str | None:
        return replace(cursor, offset=self.next_offset).encoded() if self.has_more else None


@dataclass(frozen=True, slots=True)
class _Leg:
    """What became of a leg: matches, or ``None`` and why; and how many it has found in all."""

    name: str
    matches: Sequence[Match] | None
    error: Exception | None = None
    found: int = 0


def _search_of(query: Query) -> _Search:
    """What to look for, once all of it makes sense. Raises ``InvalidQueryError``."""
    said = query.analysis or AnalysedQuery(query.text)
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidQueryError(f"limit must be 1 to {MAX_LIMIT}, not {query.limit}")
    since, until = query.where.since, query.where.until
    for name, moment in (("since", since), ("until", until)):
        if moment and moment.tzinfo is None:
            raise InvalidQueryError(f"{name} must say its time zone")
    if since and until and since >= until:
        raise InvalidQueryError("since must be earlier than until")
    return _Search(said.text, query.mode, narrowed(query.where, said), said.identifiers)


def _no_leg_answered(legs: Sequence[_Leg]) -> IndexUnavailableError:
    late = {leg.name for leg in legs if isinstance(leg.error, TimeoutError)}
    reasons = "; ".join(
        f"{leg.name}: {'too late' if leg.name in late else leg.error}" for leg in legs
    )
    error = IndexUnavailableError(f"the search gave no answer ({reasons}); try again")
    error.__cause__ = legs[0].error
    return error


def _add_time(stages_ms: dict[str, float], stage: str, started: float) -> None:
    """A stage that a deep page needs twice counts twice."""
    stages_ms[stage] = stages_ms.get(stage, 0.0) + _ms_since(started)


def _ms_since(started: float) -> float:
    return (perf_counter() - started) * 1000.0
