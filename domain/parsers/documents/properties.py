"""The properties of Office files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.ports.extraction import DocumentFacts


def facts_of(core: Any, counts: Mapping[str, int]) -> DocumentFacts:
    """The facts in an Office file's core properties, as python-docx and python-pptx read them."""
    return DocumentFacts(
        title=_text(core.title),
        author=_text(core.author),
        created=_moment(core.created),
        modified=_moment(core.modified),
        counts=counts,
    )


def _text(value: Any) -> str | None:
    return " ".join(str(value).split()) or None if value else None


def _moment(value: Any) -> str | None:
    """Properties are in UTC and come without a zone."""
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
