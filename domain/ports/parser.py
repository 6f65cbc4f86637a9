"""From a file's bytes to records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from domain.errors import UnreadableFileError
from domain.ledger import Ledger
from domain.models.files import ImportOptions, Slice
from domain.models.records import JsonValue, ParsedItem
from domain.ports.extraction import Extractor


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How far an archive may unfold before it is refused as a bomb."""

    max_uncompressed_bytes: int = 20 * 1024**3
    max_ratio: float = 200.0
    max_entries: int = 1_000_000
    max_depth: int = 3
    """Archives within archives: 1 reads no archive inside of another."""


class Unfolding:
    """What the archives inside of a file have unfolded to so far, over all their levels.

    ``packed_bytes`` is what all of it takes in the file. One object is shared by everything
    that is read together.
    """

    def __init__(self, limits: ArchiveLimits, packed_bytes: int) -> None:
        self._limits = limits
        self._packed_bytes = packed_bytes
        self._bytes = 0
        self._entries = 0

    def count(self, *, size_bytes: int = 0, entries: int = 0) -> None:
        """Add what was unpacked.

        Raises:
            UnreadableFileError: it is more than the limits allow, now and on every later call.
        """
        self._bytes += size_bytes
        self._entries += entries
        limits = self._limits
        if self._bytes > limits.max_uncompressed_bytes:
            raise UnreadableFileError(
                f"the file unpacks to more than {limits.max_uncompressed_bytes:,} bytes; "
                "split it or raise the limit"
            )
        if self._entries > limits.max_entries:
            raise UnreadableFileError(
                f"the archives in the file have more than {limits.max_entries:,} entries; "
                "split them"
            )
        allowed = max(RATIO_FREE_BYTES, limits.max_ratio * self._packed_bytes)
        if self._bytes > allowed:
            raise UnreadableFileError(
                f"the file unpacks to more than {limits.max_ratio:g} times its size: "
                "it may be a bomb; raise the limit if it is none"
            )


RATIO_FREE_BYTES = 100 * 1024**2
"""What unfolds to less is no bomb, however well it is packed."""


@dataclass(frozen=True, slots=True)
class ParseContext:
    """What a parser may know about the file beside its bytes.

    ``source_type`` is what its records are to carry. ``sha256`` identifies the file's content:
    a record that has no identity of its own is known by (sha256, place).
    """

    filename: str
    source_type: str
    sha256: str
    options: ImportOptions
    limits: ArchiveLimits = ArchiveLimits()
    extractor: Extractor | None = None
    """Extracts documents; without one, the process that parses does it itself."""
    depth: int = 0
    """How many archives the bytes lie in."""
    unfolding: Unfolding | None = None
    """Shared by what is read together out of nested archives."""


@dataclass(frozen=True, slots=True)
class ParsedData:
    """A whole small file, parsed at once."""

    items: tuple[ParsedItem, ...]
    metadata: Mapping[str, JsonValue]
    ledger: Ledger
    """Of the parse alone: kept records count as ``indexed``."""


class Parser(Protocol):
    """One way to read files. Stateless: any call may run in any process, more than once."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    async def parse(self, file_content: bytes, metadata: dict[str, Any]) -> ParsedData:
        """Parse bytes that fit in memory; ``metadata`` may hold ``filename`` and ``options``."""
        ...

    async def validate(self, file_content: bytes) -> bool:
        """Whether this parser can read the bytes (or their beginning)."""
        ...

    async def extract_metadata(self, file_content: bytes) -> dict[str, Any]:
        """Facts about the whole (encoding, columns, counts), without reading every record."""
        ...

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        """``extract_metadata`` over a seekable file of any size, in bounded memory and time.

        Shown to users as the file's metadata: what was found, by which rule, and how to override.

        Raises:
            UnreadableFileError: a sentence with the fix.
        """
        ...

    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        """Cut a seekable file into slices of about ``slice_bytes`` at record borders.

        Slices are numbered from 0, cover every record exactly once and are the same on every
        call; any ``slice_bytes`` leads to the same records. Bounded memory.

        Raises:
            UnreadableFileError: a sentence with the fix.
        """
        ...

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        """Yield one item for everything that the slice holds, in order, in bounded memory.

        A broken record becomes a ``RejectedItem``; the items after it still come.

        Raises:
            UnreadableFileError: nothing after this point can be read.
        """
        ...
