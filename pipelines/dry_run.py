"""Reading files without storing or embedding anything: what would an import do, and how long?"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from domain.chunking import ChunkLimits, chunk_record, estimate_tokens
from domain.ledger import Ledger, Outcome
from domain.models.files import ImportOptions, Slice
from domain.models.records import DroppedItem, JsonValue, ParsedItem, Record, RejectedItem
from domain.parsers.detection import source_type_of
from domain.parsers.registry import ParserRegistry
from domain.ports.extraction import Extractor
from domain.ports.parser import ArchiveLimits, ParseContext, Parser

NO_HASH = "0" * 64
"""Stands for the file's hash, which only matters to ids that are stored."""

SAMPLED_WHOLE = 1_000
SAMPLE_STRIDE = 64
SAMPLE_SHARE = 1_000
"""The first records are all chunked for the estimate, then every so-manyth.

To chunk a record takes far longer than to read it, so the stride grows with the number of records
to a thousandth of it.
"""

PASSAGE_FILL = 0.5
"""How full the passages of a conversation are taken to be."""

PROGRESS_ITEMS = 2_000
ERRORS_KEPT = 10
MODEL = "dry-run"
BUILT_IN = ParserRegistry()


@dataclass(frozen=True, slots=True)
class EmbedRate:
    """How fast the prepared model is, measured at two lengths of text (tokens, texts a second).

    Between and beyond them, the time of a text is taken to be linear in its tokens.
    """

    short_tokens: float = 16.0
    short_per_second: float = 400.0
    long_tokens: float = 250.0
    long_per_second: float = 50.0

    def seconds(self, tokens: int) -> float:
        """Time to embed one text of so many tokens among others of its kind."""
        short, long = 1 / self.short_per_second, 1 / self.long_per_second
        slope = (long - short) / (self.long_tokens - self.short_tokens)
        return max(short / 2, short + slope * (tokens - self.short_tokens))


@dataclass(frozen=True, slots=True)
class DryRunReport:
    """What was found in a file.

    ``ledger.indexed`` counts what an import into an empty index would store; what is there
    already would be ``unchanged``. ``chunks`` and the times are estimates from a sample.
    """

    parser: str
    source_type: str
    size_bytes: int
    slices: int
    ledger: Ledger
    chunks: int
    parse_seconds: float
    embed_seconds: float
    metadata: dict[str, JsonValue]
    errors: tuple[str, ...]

    @property
    def estimated_seconds(self) -> float:
        """Parsing and embedding share the cores, so their times add up."""
        return self.parse_seconds + self.embed_seconds


@dataclass(slots=True)
class Tally:
    """Counts of what a file holds; memory grows by eight bytes a record."""

    rate: EmbedRate
    limits: ChunkLimits
    kept: int = 0
    failed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    chunks: float = 0.0
    embed_seconds: float = 0.0
    identities: array[int] = field(default_factory=lambda: array("q"))
    next_sample: int = 0

    def count(self, item: ParsedItem) -> None:
        match item:
            case Record():
                self._count_record(item)
            case DroppedItem():
                self.dropped[item.rule] += 1
            case RejectedItem():
                self.failed += 1
                if len(self.errors) < ERRORS_KEPT:
                    self.errors.append(f"{item.place}: {item.error}")

    @property
    def items(self) -> int:
        return self.kept + self.failed + self.dropped.total()

    def ledger(self) -> Ledger:
        """Of the items counted so far; a record that came before is a ``duplicate``."""
        duplicates = self._duplicates()
        dropped = dict(self.dropped)
        if duplicates:
            rule = Outcome.DUPLICATE.value
            dropped[rule] = dropped.get(rule, 0) + duplicates
        return Ledger(
            read=self.items, indexed=self.kept - duplicates, dropped=dropped, failed=self.failed
        )

    def share_of_new(self) -> float:
        return 1 - self._duplicates() / self.kept if self.kept else 1.0

    def _count_record(self, record: Record) -> None:
        if self.kept == self.next_sample:
            is_early = self.kept < SAMPLED_WHOLE
            stride = 1 if is_early else max(SAMPLE_STRIDE, self.kept // SAMPLE_SHARE)
            self._estimate(record, weight=stride)
            self.next_sample += stride
        self.kept += 1
        # 64 bits tell any number of records apart that one file can hold.
        self.identities.append(hash((record.source_type, record.native_id)))

    def _estimate(self, record: Record, *, weight: int) -> None:
        for chunk in chunk_record(record, model=MODEL, limits=self.limits):
            tokens = estimate_tokens(chunk.embedding_text)
            passage_tokens = max(tokens, round(self.limits.max_tokens * PASSAGE_FILL))
            if record.group is None:
                self.chunks += weight
                self.embed_seconds += weight * self.rate.seconds(tokens)
            else:
                share = weight * tokens / passage_tokens
                self.chunks += share
                self.embed_seconds += share * self.rate.seconds(passage_tokens)

    def _duplicates(self) -> int:
        identities = np.frombuffer(self.identities, dtype=np.int64)
        return len(identities) - len(np.unique(identities))


@dataclass(frozen=True, slots=True)
class DryRunLimits:
    """How files are cut and chunked, how far archives may unfold, and what reads documents."""

    slice_bytes: int
    chunks: ChunkLimits
    archive: ArchiveLimits
    extractor: Extractor | None = None


def dry_run(
    path: Path,
    *,
    filename: str,
    options: ImportOptions,
    limits: DryRunLimits,
    embed_rate: EmbedRate,
    clock: Callable[[], float],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    parsers: ParserRegistry = BUILT_IN,
) -> DryRunReport:
    """Parse a whole file as an import would, slice by slice, and count what becomes of it.

    ``on_progress`` hears of bytes done and in all. Memory is that of one slice, plus eight bytes
    a record.

    Raises:
        UnreadableFileError: a sentence with the fix.
        InvalidUploadError: the options name an impossible source.
        OSError: the file cannot be read.
    """
    tally = Tally(embed_rate, limits.chunks)
    began = clock()
    with path.open("rb") as file:
        parser = parsers.detect(file, filename, source=options.source)
        source_type = source_type_of(parser, options)
        context = ParseContext(
            filename, source_type, NO_HASH, options, limits.archive, limits.extractor
        )
        metadata = parser.describe(file, context)
        slices = list(parser.plan(file, context, slice_bytes=limits.slice_bytes))
        items = _read_slices(file, parser, slices, context)
        for number, (item, done, total) in enumerate(items, start=1):
            tally.count(item)
            if number % PROGRESS_ITEMS == 0:
                on_progress(done, total)
    return DryRunReport(
        parser=parser.name,
        source_type=source_type,
        size_bytes=path.stat().st_size,
        slices=len(slices),
        ledger=tally.ledger(),
        chunks=round(tally.chunks * tally.share_of_new()),
        parse_seconds=clock() - began,
        embed_seconds=tally.embed_seconds * tally.share_of_new(),
        metadata=dict(metadata),
        errors=tuple(tally.errors),
    )


def _read_slices(
    file: BinaryIO, parser: Parser, slices: list[Slice], context: ParseContext
) -> Iterator[tuple[ParsedItem, int, int]]:
    """Every item with the bytes done before its slice is over, and the bytes in all."""
    total = sum(_size_of(part) for part in slices)
    before = 0
    for part in slices:
        size = _size_of(part)
        for item in parser.read(file, part, context):
            within = 0 if part.members else max(0, item.place.end - part.start)
            yield item, before + min(within, size), total
        before += size


def _size_of(part: Slice) -> int:
    return part.size_bytes or part.end - part.start
