"""What Word and PowerPoint files share: their properties, and how they break."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zipfile import BadZipFile

from lxml.etree import LxmlError

from domain.ports.extraction import DocumentFacts

BROKEN_OFFICE_ERRORS = (
    BadZipFile,
    LxmlError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What the libraries raise for a damaged file: whatever they first stumble over."""


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
