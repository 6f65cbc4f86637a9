"""From a query as it was asked to one that says what was understood."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain.blend_options import BlendOptions
from domain.errors import InvalidQueryError
from domain.models.search import Answer, Query
from domain.paging import decoded
from domain.ports.clock import Clock
from domain.query_analysis import analysed, plain
from pipelines.engine import Engine

MAX_QUERY_CHARS = 32_768


class UnderstandingEngine:
    """Analyses queries before anybody compares them: *yesterday* is another day tomorrow."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def answer(self, query: Query, options: BlendOptions | None = None) -> Answer:
        """As ``QueryEngine.answer``."""
        return await self._engine.answer(understood(query, now=self._clock.now()), options)


def understood(query: Query, *, now: datetime) -> Query:
    """The query with its analysis, equal for equal questions.

    Of what is looked for, blanks and the way in which accents are written do not count, nor does
    the order of sources and types. Dates mean what they meant when the first page was asked for.

    Raises:
        InvalidQueryError: the text, an operator, the time zone or the cursor makes no sense.
    """
    if not query.text.strip():
        raise InvalidQueryError("the query is empty: say what to look for")
    if len(query.text) > MAX_QUERY_CHARS:
        raise InvalidQueryError(f"the query is longer than {MAX_QUERY_CHARS} characters")
    zone = _zone(query.time_zone)
    analysis = plain(query.text) if query.is_plain else analysed(query.text, now=now, zone=zone)
    if query.cursor is not None:
        cursor = decoded(query.cursor)
        analysis = replace(analysis, since=cursor.since, until=cursor.until)
    where = replace(
        query.where,
        sources=tuple(sorted(set(query.where.sources))),
        content_types=tuple(sorted(set(query.where.content_types))),
    )
    # Names and phrases stay as they are written, as they are compared with what is written.
    analysis = replace(analysis, text=_normal(analysis.text))
    return replace(query, text=_normal(query.text), where=where, analysis=analysis)


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidQueryError(
            f"{name!r} is no time zone: write one like Europe/Berlin or UTC"
        ) from error
