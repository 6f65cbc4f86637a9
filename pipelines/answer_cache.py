"""Answers are kept for a while, and equal questions that come together are answered once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from time import perf_counter

import structlog
from pydantic import TypeAdapter, ValidationError

from domain.blend_options import BlendOptions
from domain.errors import CacheUnavailableError
from domain.fingerprints import fingerprint
from domain.models.search import Answer, Query
from domain.ports.cache import Cache
from pipelines.engine import Engine

CACHE_STAGE = "cache"
_ANSWER = TypeAdapter(Answer)

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """Where an answer came from."""

    HIT = "hit"
    JOINED = "joined"
    """Somebody else was asking the same at that moment."""
    MISS = "miss"


class CachingEngine:
    """Answers from the nearest cache that has the answer, else lets an engine answer.

    Only whole answers are kept, never degraded ones. What an answer depends on is part of its
    key, the index's generation included: no entry is ever wrong, only old ones are never asked
    for again. A cache that is away is gone around. Belongs to one event loop.
    """

    def __init__(
        self,
        engine: Engine,
        tiers: Sequence[Cache],
        *,
        generation: Callable[[], str],
        ttl_seconds: float,
        count: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        """``tiers`` are asked in order, the nearest first.

        ``generation`` names the content that the engine searches at this moment; of two contents
        no names are equal, also after a restore.
        """
        self._engine = engine
        self._tiers = tuple(tiers)
        self._generation = generation
        self._ttl_seconds = ttl_seconds
        self._count = count
        self._under_way: dict[str, asyncio.Task[Answer]] = {}

    async def answer(self, query: Query, options: BlendOptions | None = None) -> Answer:
        """As ``QueryEngine.answer``; ``cached`` when nothing was computed for this call."""
        started = perf_counter()
        key = answer_key(query, options, self._generation())
        task = self._under_way.get(key)
        if task is None:
            outcome = Outcome.MISS
            task = asyncio.create_task(self._find(key, query, options))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        else:
            outcome = Outcome.JOINED
        # Whoever goes away takes no answer from those that wait for the same.
        answer = await asyncio.shield(task)
        if answer.cached:
            outcome = Outcome.HIT
        self._count(outcome)
        if outcome is Outcome.MISS:
            return answer
        took_ms = (perf_counter() - started) * 1000.0
        return replace(answer, took_ms=took_ms, stages_ms={CACHE_STAGE: took_ms}, cached=True)

    def _forget(self, key: str, done: asyncio.Task[Answer]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            # Asked for, so that nobody complains where all who waited have gone.
            done.exception()

    async def _find(self, key: str, query: Query, options: BlendOptions | None) -> Answer:
        for number, tier in enumerate(self._tiers):
            if (packed := await _get(tier, key)) and (kept := _unpacked(packed)):
                await self._keep(self._tiers[:number], key, packed)
                return replace(kept, cached=True)
        answer = await self._engine.answer(query, options)
        if self._tiers and not answer.is_degraded:
            await self._keep(self._tiers, key, _ANSWER.dump_json(answer))
        return answer

    async def _keep(self, tiers: Sequence[Cache], key: str, packed: bytes) -> None:
        for tier in tiers:
            try:
                await tier.set(key, packed, ttl_seconds=self._ttl_seconds)
            except CacheUnavailableError as error:
                log.debug("answer_not_kept", error=error.message)


def answer_key(query: Query, options: BlendOptions | None, generation: str) -> str:
    """Equal for questions that have equal answers, once they are ``understood``."""
    return f"answer:{fingerprint(generation, query, options, digest_size=16)}"


async def _get(tier: Cache, key: str) -> bytes | None:
    try:
        return await tier.get(key)
    except CacheUnavailableError:
        return None


def _unpacked(packed: bytes) -> Answer | None:
    """``None`` for what another version has kept."""
    try:
        return _ANSWER.validate_json(packed)
    except ValidationError:
        return None
