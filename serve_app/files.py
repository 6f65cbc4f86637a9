"""Routes over file imports: look, delete, replay."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from domain.models.files import ProcessingStatus
from domain.models.ids import FileId
from serve_app.context import InContext
from serve_app.problems import problems
from serve_app.schemas import (
    AcceptedFile,
    DeadLetterList,
    DeadLetterModel,
    FileList,
    FileModel,
    Moment,
)

router = APIRouter(prefix="/v1/files", tags=["files"])

Limit = Annotated[int, Query(ge=1, le=1_000)]


@router.get("", summary="List file imports, newest first", responses=problems(422))
async def list_files(
    context: InContext,
    limit: Limit = 100,
    before: Annotated[Moment | None, Query(description="Only uploads before this.")] = None,
    status: ProcessingStatus | None = None,
) -> FileList:
    """Pages by upload time: pass ``next_before`` as ``before`` for the next page."""
    reports = await context.files.list(limit=limit, before=before, status=status)
    is_full = len(reports) == limit
    return FileList(
        files=[FileModel.of(report) for report in reports],
        next_before=reports[-1].file.uploaded_at if is_full else None,
    )


@router.get("/{file_id}", summary="Show a file import", responses=problems(404, 422))
async def get_file(file_id: UUID, context: InContext) -> FileModel:
    """Its status, ledger, progress and what was found in it."""
    return FileModel.of(await context.files.get(FileId(file_id)))


@router.delete(
    "/{file_id}",
    status_code=202,
    summary="Delete a file and what only it supplied",
    responses=problems(404, 409, 422),
)
async def delete_file(file_id: UUID, context: InContext) -> AcceptedFile:
    """Asks for the removal from every store; it is carried out soon after."""
    return AcceptedFile.of(await context.files.delete(FileId(file_id)))


@router.post(
    "/{file_id}/replay",
    status_code=202,
    summary="Import a finished file again",
    responses=problems(404, 409, 422),
)
async def replay_file(file_id: UUID, context: InContext) -> AcceptedFile:
    """Reads the stored bytes again, dead letters included; unchanged records cost nothing."""
    return AcceptedFile.of(await context.files.replay(FileId(file_id)))


@router.get(
    "/{file_id}/dead-letters",
    summary="Show what failed in a file",
    responses=problems(404, 422),
)
async def list_dead_letters(
    file_id: UUID, context: InContext, limit: Limit = 100
) -> DeadLetterList:
    """Each failed item of the present run with its place, its error and its first bytes."""
    await context.files.get(FileId(file_id))
    letters = await context.files.dead_letters(FileId(file_id), limit=limit)
    return DeadLetterList(
        dead_letters=[
            DeadLetterModel(
                place=letter.place,
                error=letter.error,
                raw=letter.raw.decode("utf-8", errors="replace"),
            )
            for letter in letters
        ]
    )
