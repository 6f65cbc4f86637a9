"""Reading stored files again that an older version of a parser has read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from domain.errors import ConflictError, NotFoundError
from domain.models.ids import FileId
from domain.ports.metadata_store import MetadataStore
from domain.versions import is_below, parse_version

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reparsed:
    """Files that are read again, and those that were not finished and so are left as they are."""

    replayed: Sequence[FileId]
    busy: Sequence[FileId]


async def reparse(metadata: MetadataStore, *, parser: str, below: str) -> Reparsed:
    """Replay every file of which records were read by a version of ``parser`` before ``below``.

    They are read by whatever is in use when their turn comes. Repeating it does no harm.

    Raises:
        InvalidQueryError: ``below`` is no version.
    """
    parse_version(below)
    replayed: list[FileId] = []
    busy: list[FileId] = []
    for file_id, versions in sorted((await metadata.records.versions_of(parser)).items()):
        if not any(is_below(version, below) for version in versions):
            continue
        try:
            await metadata.files.restart(file_id)
            replayed.append(file_id)
        except ConflictError:
            busy.append(file_id)
        except NotFoundError:
            continue  # deleted meanwhile
    log.info("reparse_asked", parser=parser, below=below, files=len(replayed), busy=len(busy))
    return Reparsed(replayed, busy)
