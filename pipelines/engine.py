"""What answers queries."""

from __future__ import annotations

from typing import Protocol

from domain.blend_options import BlendOptions
from domain.models.search import Answer, Query


class Engine(Protocol):
    async def answer(self, query: Query, options: BlendOptions | None = None) -> Answer:
        """As ``QueryEngine.answer``."""
        ...
