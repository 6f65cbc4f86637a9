"""Routes for files that go straight from the client to the object store."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from domain.models.ids import FileId
from pipelines.direct_uploading import MOST_URLS
from serve_app.context import InContext
from serve_app.direct_upload_schemas import CompleteRequest, PartUrls, UploadModel, UploadRequest
from serve_app.problems import problems
from serve_app.schemas import AcceptedFile
from serve_app.upload import chosen_source, mime_type_of

router = APIRouter(prefix="/v1/uploads", tags=["files"])


@router.post(
    "",
    status_code=201,
    summary="Begin an upload straight to the object store",
    responses=problems(403, 413, 422),
)
async def begin_upload(request: UploadRequest, context: InContext) -> UploadModel:
    """`PUT` each part to its URL, then complete the upload with the parts' `ETag`s.

    Only where files are kept in S3; `direct_uploads` of the status says so.
    """
    upload = await context.direct.begin(
        request.filename,
        request.size,
        mime_type=mime_type_of(request.filename, request.content_type),
        options=request.options(chosen_source(request.source_type)),
    )
    return UploadModel.of(upload, await context.direct.part_urls(upload))


@router.get(
    "/{upload_id}/parts",
    summary="Where parts go",
    responses=problems(403, 404, 409, 422),
)
async def list_part_urls(
    upload_id: UUID,
    context: InContext,
    first: Annotated[int, Query(ge=1, description="From this part on.")] = 1,
    limit: Annotated[int, Query(ge=1, le=MOST_URLS)] = MOST_URLS,
) -> PartUrls:
    """Fresh URLs on every call; a part may be sent again, the last one counts."""
    upload = await context.direct.get(FileId(upload_id))
    parts = await context.direct.part_urls(upload, first=first, limit=limit)
    return PartUrls.of(upload, parts)


@router.post(
    "/{upload_id}/complete",
    status_code=202,
    summary="Import what was uploaded",
    responses=problems(403, 404, 409, 422),
)
async def complete_upload(
    upload_id: UUID, request: CompleteRequest, context: InContext
) -> AcceptedFile:
    """Names every part. The file has the upload's id; a repeat gives the same answer."""
    parts = [part.to_domain() for part in request.parts]
    file = await context.direct.complete(FileId(upload_id), parts)
    return AcceptedFile.of(file)


@router.delete(
    "/{upload_id}",
    status_code=204,
    summary="Give an upload up",
    responses=problems(403, 404, 409, 422),
)
async def abort_upload(upload_id: UUID, context: InContext) -> None:
    """Removes the parts that were sent. What nobody completes goes by itself at its expiry."""
    await context.direct.abort(FileId(upload_id))
