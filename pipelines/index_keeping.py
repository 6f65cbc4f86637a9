"""Indexes that are asked for are built, and old ones are removed when their time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog

from domain.errors import ConflictError, HeadraceError, RetryableError
from domain.models.indexes import IndexPlace, IndexReport, IndexState
from domain.ports.clock import Clock
from domain.ports.metadata_store import MetadataStore

log = structlog.get_logger(__name__)

POLL_SECONDS = 5.0

IndexStep = Callable[[IndexPlace], Awaitable[None]]


class IndexKeeper:
    """One per installation. What it was at when it died, it is at again when it starts."""

    def __init__(
        self,
        metadata: MetadataStore,
        *,
        build: IndexStep,
        remove: IndexStep,
        grace: timedelta,
        clock: Clock,
    ) -> None:
        """``build`` builds an index to the end and switches to it; ``remove`` takes its chunks
        away, again if need be.
        """
        self._metadata = metadata
        self._build = build
        self._remove = remove
        self._grace = grace
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self.look()
            except RetryableError as error:
                log.warning("indexes_not_looked_at", error=error.message)
            except Exception:
                log.exception("index_keeping_failed")
            await asyncio.sleep(POLL_SECONDS)

    async def look(self) -> None:
        """Build what is to be built, then remove what has been kept for long enough."""
        if place := await self._metadata.indexes.building():
            await self._build_one(place)
        due = self._clock.now() - self._grace
        for report in await self._metadata.indexes.list():
            if report.retired_at is not None and report.retired_at <= due:
                await drop(self._metadata, report.place, remove=self._remove)

    async def _build_one(self, place: IndexPlace) -> None:
        """What keeps it from being built is kept for people to see, and tried again."""
        error: str | None = None
        try:
            await self._build(place)
        except ConflictError as conflict:
            log.info("index_not_built", model=place.model, reason=conflict.message)
        except HeadraceError as failure:
            log.warning("index_building_delayed", model=place.model, error=failure.message)
            error = failure.message
        except Exception as failure:
            log.exception("index_building_failed", model=place.model)
            error = f"{type(failure).__name__}: {failure}"
        await self._metadata.indexes.note_error(place.model, error)


async def drop_old(metadata: MetadataStore, *, remove: IndexStep) -> Sequence[str]:
    """Remove every index that is no longer used; returns their models."""
    old = [report.place for report in await metadata.indexes.list() if _is_retired(report)]
    for place in old:
        await drop(metadata, place, remove=remove)
    return [place.model for place in old]


async def drop(metadata: MetadataStore, place: IndexPlace, *, remove: IndexStep) -> None:
    """Remove a retired index: what is known of its contents first, its row last.

    Dying in between leaves an index that is known to hold nothing, and can be dropped again.

    Raises:
        ConflictError: it is in use, or being built.
    """
    async with metadata.indexes.building_alone(place.model) as is_alone:
        reports = {one.place.model: one for one in await metadata.indexes.list()}
        if not is_alone or not _is_retired(reports.get(place.model)):
            raise ConflictError(f"the index of {place.model} is in use", model=place.model)
        await metadata.contents.forget_all(place.model)
        await remove(place)
        await metadata.indexes.forget(place.model)
    log.info("index_dropped", model=place.model)


def _is_retired(report: IndexReport | None) -> bool:
    return report is not None and report.state is IndexState.RETIRED
