"""Answers queries from the index that is in use when they come."""

from __future__ import annotations

from collections.abc import Callable

from domain.blend_options import BlendOptions
from domain.models.search import Answer, Query
from domain.ports.embedder import Embedder
from domain.ports.search_index import SearchIndex
from pipelines.querying import QueryEngine


class EngineInUse:
    """A query has one index and its model from its beginning to its end."""

    def __init__(
        self,
        searched: Callable[[], tuple[SearchIndex, Embedder]],
        make: Callable[[SearchIndex, Embedder], QueryEngine],
    ) -> None:
        """``searched`` says which index and model belong together at this moment."""
        self._searched = searched
        self._make = make

    async def answer(self, query: Query, options: BlendOptions | None = None) -> Answer:
        """As ``QueryEngine.answer``."""
        return await self._make(*self._searched()).answer(query, options)
