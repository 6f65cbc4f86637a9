"""What uploads straight to the object store look like on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictStr

from domain.models.files import ImportOptions, Priority
from domain.models.uploads import MOST_PARTS, NewUpload, UploadedPart
from pipelines.direct_uploading import PartUrl
from serve_app.schemas import Name, RequestModel, ResponseModel

Tag = Annotated[StrictStr, Field(min_length=1, max_length=200)]


class UploadRequest(RequestModel):
    """The file that is to come; the options are those of ``PUT /v1/files``."""

    filename: str = Field(max_length=1_000)
    size: int = Field(ge=1, description="Its bytes, exactly.")
    content_type: str | None = Field(None, max_length=200)
    source_type: str | None = Field(None, max_length=200, description="`slack`, `csv`, `json` …")
    text_columns: list[Name] | None = Field(None, description="Columns that hold the text.")
    title_column: Name | None = None
    timestamp_column: Name | None = None
    id_column: Name | None = None
    job: bool = False
    priority: Priority | None = None

    def options(self, source: str | None) -> ImportOptions:
        return ImportOptions(
            source=source,
            text_columns=tuple(self.text_columns) if self.text_columns else None,
            title_column=self.title_column,
            timestamp_column=self.timestamp_column,
            id_column=self.id_column,
            as_job=self.job,
            priority=self.priority,
        )


class PartUrlModel(ResponseModel):
    number: int = Field(description="Counted from 1.")
    url: str = Field(description="`PUT` the part's bytes here; the answer has its `ETag`.")


class PartUrls(ResponseModel):
    parts: list[PartUrlModel]
    next_part: int | None = Field(description="Ask for further URLs from this part on.")

    @staticmethod
    def of(upload: NewUpload, parts: Sequence[PartUrl]) -> PartUrls:
        return PartUrls(parts=_models(parts), next_part=_next(upload, parts))


class UploadModel(ResponseModel):
    upload_id: UUID = Field(description="The file's id, too, once the upload is complete.")
    size: int
    part_bytes: int = Field(description="Bytes of every part but the last.")
    part_count: int
    parts: list[PartUrlModel] = Field(description="The first parts.")
    next_part: int | None = Field(description="Ask for further URLs from this part on.")
    expires_at: datetime = Field(description="Until then the URLs work and it can be completed.")

    @staticmethod
    def of(upload: NewUpload, parts: Sequence[PartUrl]) -> UploadModel:
        return UploadModel(
            upload_id=upload.upload_id,
            size=upload.size_bytes,
            part_bytes=upload.part_bytes,
            part_count=upload.part_count,
            parts=_models(parts),
            next_part=_next(upload, parts),
            expires_at=upload.expires_at,
        )


class SentPart(RequestModel):
    number: int = Field(ge=1, le=MOST_PARTS)
    etag: Tag = Field(description="The `ETag` header of the answer to its `PUT`, as it is.")

    def to_domain(self) -> UploadedPart:
        return UploadedPart(self.number, self.etag)


class CompleteRequest(RequestModel):
    parts: list[SentPart] = Field(max_length=MOST_PARTS)


def _models(parts: Sequence[PartUrl]) -> list[PartUrlModel]:
    return [PartUrlModel(number=part.number, url=part.url) for part in parts]


def _next(upload: NewUpload, parts: Sequence[PartUrl]) -> int | None:
    after = parts[-1].number + 1
    return after if after <= upload.part_count else None
