"""What every parser shares: the calls on bytes in memory, told in terms of those on files."""

from __future__ import annotations

import asyncio
import io
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from hashlib import sha256
from typing import Any, BinaryIO

from domain.errors import UnreadableFileError
from domain.ledger import Outcome, ledger_of
from domain.models.files import ImportOptions, Slice
from domain.models.records import DroppedItem, JsonValue, ParsedItem, Record, RejectedItem
from domain.ports.parser import ParseContext, ParsedData

SLICE_BYTES = 10 * 1024**2


class StreamingParser(ABC):
    """Fulfils the ``Parser`` port for a class that brings ``describe``, ``plan`` and ``read``."""

    name: str
    version: str

    @abstractmethod
    def accepts(self, file: BinaryIO) -> bool:
        """Whether this parser can read a seekable file, judged by its content.

        Raises:
            UnreadableFileError: the file is of a kind that this parser reads, but damaged.
        """

    @abstractmethod
    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        """See ``Parser.describe``."""

    @abstractmethod
    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        """See ``Parser.plan``."""

    @abstractmethod
    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        """See ``Parser.read``."""

    async def parse(self, file_content: bytes, metadata: dict[str, Any]) -> ParsedData:
        """Parse bytes that fit in memory, off the event loop.

        ``metadata`` may hold ``filename``, ``source_type`` and ``options`` (an ``ImportOptions``
        or a mapping of its fields).

        Raises:
            UnreadableFileError: a sentence with the fix.
        """
        return await asyncio.to_thread(self._parse, file_content, metadata)

    async def validate(self, file_content: bytes) -> bool:
        """Whether this parser can read the bytes."""
        return await asyncio.to_thread(self._validate, file_content)

    async def extract_metadata(self, file_content: bytes) -> dict[str, Any]:
        """What ``describe`` finds in the bytes."""
        context = self._context(file_content, {})
        return await asyncio.to_thread(self.describe, io.BytesIO(file_content), context)

    def _parse(self, content: bytes, metadata: Mapping[str, Any]) -> ParsedData:
        context = self._context(content, metadata)
        file = io.BytesIO(content)
        described = self.describe(file, context)
        items = tuple(
            item
            for part in self.plan(file, context, slice_bytes=SLICE_BYTES)
            for item in self.read(file, part, context)
        )
        ledger = ledger_of(
            (Outcome.INDEXED for item in items if isinstance(item, Record)),
            dropped=Counter(item.rule for item in items if isinstance(item, DroppedItem)),
            failed=sum(isinstance(item, RejectedItem) for item in items),
        )
        return ParsedData(items=items, metadata=described, ledger=ledger)

    def _validate(self, content: bytes) -> bool:
        try:
            return self.accepts(io.BytesIO(content))
        except UnreadableFileError:
            return False

    def _context(self, content: bytes, metadata: Mapping[str, Any]) -> ParseContext:
        options = _options_of(metadata.get("options"))
        return ParseContext(
            filename=str(metadata.get("filename", "upload")),
            source_type=str(options.source or metadata.get("source_type") or self.name),
            sha256=sha256(content).hexdigest(),
            options=options,
        )


def _options_of(given: ImportOptions | Mapping[str, Any] | None) -> ImportOptions:
    if isinstance(given, ImportOptions):
        return given
    known = {field.name for field in fields(ImportOptions)}
    return ImportOptions(**{key: value for key, value in (given or {}).items() if key in known})
