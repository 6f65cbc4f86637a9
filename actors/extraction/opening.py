"""What settings say about reading files: how far archives unfold, and who reads documents."""

from __future__ import annotations

from functools import cache

from actors.extraction.isolated import ExtractionLimits, IsolatedExtractor
from actors.settings import Settings
from domain.ports.extraction import Extractor
from domain.ports.parser import ArchiveLimits


def archive_limits(settings: Settings) -> ArchiveLimits:
    """How far archives may unfold."""
    ingest = settings.ingest
    return ArchiveLimits(
        max_uncompressed_bytes=ingest.max_uncompressed_bytes,
        max_ratio=ingest.max_compression_ratio,
        max_depth=ingest.max_archive_depth,
    )


def open_extractor(settings: Settings) -> Extractor:
    """What reads documents, one for this process; its child starts with the first of them."""
    ingest = settings.ingest
    return _extractor(ingest.document_timeout_seconds, ingest.document_memory_bytes)


@cache
def _extractor(timeout_seconds: float, memory_bytes: int) -> IsolatedExtractor:
    return IsolatedExtractor(ExtractionLimits(timeout_seconds, memory_bytes))
