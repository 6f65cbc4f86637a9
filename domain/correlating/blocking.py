"""Blocking: keys under which possible partners of a description are found in a store."""

from __future__ import annotations

from domain.correlating.normal import words
from domain.models.entities import Description


def blocking_keys(description: Description) -> frozenset[str]:
    """Texts of which two descriptions of one entity, near or exact, share at least one.

    At most 64, each at most 64 characters. Only descriptions of one kind are compared, so a store
    keeps the kind beside the key. A store may leave out keys that very many descriptions have.
    """
    named = {f"name:{word}" for word in words(description.name or "") if len(word) > 1}
    return frozenset(sorted(description.keys | named)[:64])
