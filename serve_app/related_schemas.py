"""What a record and what it is related to look like on the wire."""

from __future__ import annotations

from pydantic import Field

from serve_app.entity_schemas import LinkModel, RelatedEntityModel
from serve_app.schemas import RecordModel, ResponseModel


class RelatedRecords(ResponseModel):
    thread: list[RecordModel] = Field(description="The conversation, oldest first.")
    entities: list[RelatedEntityModel] = Field(description="What the record speaks of.")
    links: list[LinkModel] = Field(description="Other records that speak of the same.")
