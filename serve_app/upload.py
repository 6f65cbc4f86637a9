"""Routes that bring files."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Header, Query, Request, UploadFile

from domain.models.files import FileImport, ImportOptions, Priority
from serve_app.context import Context, InContext
from serve_app.problems import problems
from serve_app.schemas import AcceptedFile

router = APIRouter(prefix="/v1/files", tags=["files"])

FORM_PIECE_BYTES = 1024 * 1024
UNTELLING_TYPES = {"application/octet-stream", "application/x-www-form-urlencoded"}
"""What clients send when nobody told them better."""

SourceParameter = Annotated[str | None, Query(description="`slack`, `csv`, `json` …")]
TextColumns = Annotated[
    str | None, Query(description="Columns that hold the text, separated by commas.")
]
Job = Annotated[
    bool, Query(description="Import it as a Ray Data job of its own, as large files are anyway.")
]
Replace = Annotated[
    bool,
    Query(
        description="Once all its records are found, delete earlier files of the same name and "
        "source; with failed records it deletes none."
    ),
]
Column = Annotated[str | None, Query(description="Name of a column.")]
PriorityParameter = Annotated[
    Priority | None,
    Query(description="`interactive` unless it is a job or large; `bulk` lets others go first."),
]

_RAW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file's bytes as they are.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.put(
    "/{filename:path}",
    status_code=202,
    summary="Upload a file as a raw stream",
    responses=problems(413, 422),
    openapi_extra=_RAW_BODY,
)
async def put_file(
    filename: str,
    request: Request,
    context: InContext,
    source_type: SourceParameter = None,
    text_columns: TextColumns = None,
    title_column: Column = None,
    timestamp_column: Column = None,
    id_column: Column = None,
    job: Job = False,
    priority: PriorityParameter = None,
    replace: Replace = False,
    content_type: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> AcceptedFile:
    """The body goes straight into the object store, however large it is. Import follows."""
    options = ImportOptions(
        source=chosen_source(source_type),
        text_columns=split_columns(text_columns),
        title_column=title_column or None,
        timestamp_column=timestamp_column or None,
        id_column=id_column or None,
        as_job=job,
        priority=priority,
        replaces=replace,
    )
    file = await context.uploads.upload(
        filename,
        request.stream(),
        mime_type=mime_type_of(filename, content_type),
        options=options,
    )
    return _accepted(context, file)


@router.post(
    "",
    status_code=202,
    summary="Upload a file as a form",
    responses=problems(413, 422),
)
async def post_file(
    context: InContext,
    file: Annotated[UploadFile, File(description="The file.")],
    source_type: Annotated[str | None, Form()] = None,
    text_columns: Annotated[str | None, Form()] = None,
    title_column: Annotated[str | None, Form()] = None,
    timestamp_column: Annotated[str | None, Form()] = None,
    id_column: Annotated[str | None, Form()] = None,
    job: Annotated[bool, Form()] = False,
    priority: Annotated[Priority | None, Form()] = None,
    replace: Annotated[bool, Form()] = False,
) -> AcceptedFile:
    """For browsers and small files: a form is spooled to disk once before it is stored."""
    options = ImportOptions(
        source=chosen_source(source_type),
        text_columns=split_columns(text_columns),
        title_column=title_column or None,
        timestamp_column=timestamp_column or None,
        id_column=id_column or None,
        as_job=job,
        priority=priority,
        replaces=replace,
    )
    filename = file.filename or ""
    imported = await context.uploads.upload(
        filename,
        _pieces(file),
        mime_type=mime_type_of(filename, file.content_type),
        options=options,
    )
    return _accepted(context, imported)


def _accepted(context: Context, file: FileImport) -> AcceptedFile:
    context.metrics.upload_bytes.inc(file.file_size)
    return AcceptedFile.of(file)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(FORM_PIECE_BYTES):
        yield piece


def chosen_source(source_type: str | None) -> str | None:
    """``auto`` and nothing mean the same: find out."""
    return None if source_type in {None, "", "auto"} else source_type


def split_columns(names: str | None) -> tuple[str, ...] | None:
    """``a,b`` as column names; ``None`` when none are named."""
    columns = tuple(name.strip() for name in (names or "").split(",") if name.strip())
    return columns or None


def mime_type_of(filename: str, declared: str | None) -> str | None:
    """What the client declared, unless it says nothing; else what the name suggests."""
    if declared and declared.partition(";")[0].strip() not in UNTELLING_TYPES:
        return declared
    return mimetypes.guess_type(filename)[0]
