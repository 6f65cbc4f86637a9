"""A whole file: find out what it is, plan its slices, carry them in."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import structlog

from domain.errors import NotFoundError, UnreadableFileError
from domain.models.events import FileProcessed
from domain.models.files import Claim, FileImport, ProcessingStatus, Slice
from domain.models.ids import FileId
from domain.models.records import ParsedItem
from domain.parsers.detection import source_type_of
from domain.parsers.registry import FixedParsers, ParserSource, label_of
from domain.ports.extraction import Extractor
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.ports.parser import ArchiveLimits, ParseContext
from pipelines.adopting import UploadAdopter
from pipelines.slice_import import SliceImporter, StagedSlice

log = structlog.get_logger(__name__)

BUILT_IN = FixedParsers()
PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlanLimits:
    slice_bytes: int
    archive: ArchiveLimits
    extractor: Extractor | None = None


def parse_context(
    file: FileImport, archive: ArchiveLimits, extractor: Extractor | None
) -> ParseContext:
    """What the parser may know of a stored file, and what reads documents for it."""
    return ParseContext(
        filename=file.filename,
        source_type=file.source_type,
        sha256=file.sha256,
        options=file.options,
        limits=archive,
        extractor=extractor,
    )


@asynccontextmanager
async def raw_bytes(objects: ObjectStore, file: FileImport) -> AsyncIterator[BinaryIO]:
    """A stored file to read from.

    Raises:
        UnreadableFileError: its bytes are gone; without them a replay would never end.
    """
    async with AsyncExitStack() as stack:
        try:
            raw = await stack.enter_async_context(objects.open(file.object_key))
        except NotFoundError as error:
            raise UnreadableFileError(
                "its raw bytes are gone from the object store: upload the file again"
            ) from error
        yield raw


class FilePlanner:
    """The handlers of ``file_uploaded``: ``validate_file`` and ``queue_for_processing``.

    A file keeps the version of the parser that validation chose, to its end.
    """

    def __init__(
        self,
        metadata: MetadataStore,
        objects: ObjectStore,
        limits: PlanLimits,
        *,
        parsers: ParserSource = BUILT_IN,
        adopter: UploadAdopter | None = None,
    ) -> None:
        self._metadata = metadata
        self._objects = objects
        self._limits = limits
        self._parsers = parsers
        self._adopter = adopter

    async def plan_file(self, file_id: FileId) -> None:
        """Both handlers, one after the other."""
        await self.validate_file(file_id)
        await self.queue_for_processing(file_id)

    async def validate_file(self, file_id: FileId) -> None:
        """Give the file its content's name if it has none, find the parser and what it says.

        Its bytes are read once before, to see that they are those uploaded.

        Raises:
            UnreadableFileError: a sentence with the fix.
        """
        file = await self._metadata.files.find(file_id)
        await self._metadata.files.transition(file_id, ProcessingStatus.VALIDATING)
        uploaded = file
        if self._adopter is not None:
            file = await self._adopter.adopt(uploaded)
        if await self._metadata.slices.pending(file_id):
            # An earlier attempt came as far as the plan, which belongs to the version it chose.
            return
        parsers = await self._parsers.current()
        async with raw_bytes(self._objects, file) as raw:
            # What was just given its content's name has been read to its end already.
            if file.object_key == uploaded.object_key:
                await asyncio.to_thread(_check_content, raw, file)
            parser = await asyncio.to_thread(
                parsers.detect, raw, file.filename, source=file.options.source
            )
            source_type = source_type_of(parser, file.options)
            described = replace(file, source_type=source_type)
            context = parse_context(described, self._limits.archive, self._limits.extractor)
            metadata = await asyncio.to_thread(parser.describe, raw, context)
        await self._metadata.files.describe(
            file_id, source_type=source_type, parser=label_of(parser), metadata=metadata
        )

    async def queue_for_processing(self, file_id: FileId) -> None:
        """Cut the validated file into slices and let the conductor have it."""
        file = await self._metadata.files.find(file_id)
        context = parse_context(file, self._limits.archive, self._limits.extractor)
        parser = await self._parsers.of_label(file.parser or "")
        async with raw_bytes(self._objects, file) as raw:
            plan = parser.plan(raw, context, slice_bytes=self._limits.slice_bytes)
            slices = await asyncio.to_thread(list, plan)
        await self._metadata.slices.plan(file_id, slices)
        await self._metadata.files.transition(file_id, ProcessingStatus.QUEUED)


def _check_content(raw: BinaryIO, file: FileImport) -> None:
    """Read the stored bytes to their end, as nothing else would notice a damaged disk."""
    raw.seek(0)
    digest = hashlib.sha256()
    while piece := raw.read(PIECE_BYTES):
        digest.update(piece)
    if digest.hexdigest() != file.sha256:
        raise UnreadableFileError(
            f"the stored bytes of {file.filename} are not those that were uploaded: "
            "the disk has damaged them; upload the file again"
        )
    raw.seek(0)


class FileImporter:
    """Imports claimed files slice by slice, taking up where an earlier attempt died."""

    def __init__(
        self,
        metadata: MetadataStore,
        objects: ObjectStore,
        slices: SliceImporter,
        *,
        archive: ArchiveLimits,
        extractor: Extractor | None = None,
        parsers: ParserSource = BUILT_IN,
    ) -> None:
        self._metadata = metadata
        self._objects = objects
        self._slices = slices
        self._archive = archive
        self._extractor = extractor
        self._parsers = parsers

    async def run(self, claim: Claim) -> None:
        """Import the file's pending slices, let names follow, then say ``file_processed``.

        Raises:
            LeaseLostError: somebody else has the file; stop.
            RetryableError: a store gave no answer; call again.
            UnreadableFileError: the parser cannot go on.
        """
        started = time.monotonic()
        file = await self._metadata.files.find(claim.file_id)
        parts = await self._metadata.slices.pending(claim.file_id)
        try:
            await self._import_slices(claim, file, parts)
        except UnreadableFileError:
            # What came before is stored, and its names are known.
            await self.show_names(claim.file_id)
            raise
        await self.show_names(claim.file_id)
        await finish_processing(self._metadata, claim, seconds=time.monotonic() - started)

    async def show_names(self, file_id: FileId) -> None:
        """Let all records follow the names that the file has brought or taken away."""
        await self._slices.show_names(file_id)

    async def _import_slices(self, claim: Claim, file: FileImport, parts: Sequence[Slice]) -> None:
        parser = await self._parsers.of_label(file.parser or "")
        context = parse_context(file, self._archive, self._extractor)
        async with raw_bytes(self._objects, file) as raw:
            label = label_of(parser)

            def read(part: Slice) -> Iterator[ParsedItem]:
                return parser.read(raw, part, context)

            staged: Mapping[int, StagedSlice] = {}
            if not claim.is_suspect:
                staged = await self._slices.stage_ahead(claim, parts, read, parser=label)
            for part in parts:
                if part.number in staged:
                    ledger = await self._slices.finish(claim, part, staged[part.number])
                else:
                    ledger = await self._slices.run(claim, part, read(part), parser=label)
                log.info(
                    "slice_imported",
                    file_id=str(claim.file_id),
                    slice=part.number,
                    **_counts(ledger.to_json()),
                )


async def finish_processing(metadata: MetadataStore, claim: Claim, *, seconds: float) -> None:
    """Move a file whose slices are all complete on to ``indexing``, with its event."""
    ledger = await metadata.slices.ledger(claim.file_id)
    event = FileProcessed(claim.file_id, record_count=ledger.read, processing_time=seconds)
    await metadata.files.transition(
        claim.file_id, ProcessingStatus.INDEXING, claim=claim, event=event
    )


def _counts(ledger: dict[str, Any]) -> dict[str, Any]:
    return {**ledger, "dropped": sum(ledger["dropped"].values())}
