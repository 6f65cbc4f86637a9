"""What uploads that were broken off have left in the bucket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from actors.adapters.s3.bucket import INCOMING, S3Bucket
from actors.adapters.s3.errors import translated


def remove_incoming(bucket: S3Bucket, untouched_seconds: float) -> int:
    """Abort uploads and delete temporary objects that nobody has touched for so long. Blocks."""
    before = datetime.now(UTC) - timedelta(seconds=untouched_seconds)
    removed = 0
    for key, upload_id in unfinished_uploads(bucket, INCOMING, before):
        bucket.abort_multipart(key, upload_id)
        removed += 1
    for key in objects_before(bucket, INCOMING, before):
        bucket.delete(key)
        removed += 1
    return removed


def unfinished_uploads(
    bucket: S3Bucket, prefix: str, before: datetime
) -> Iterator[tuple[str, str]]:
    """Keys and ids of uploads in parts whose last part came before the moment."""
    for page in bucket.pages("list_multipart_uploads", prefix):
        for upload in page.get("Uploads", ()):
            key = _own_key(bucket, upload)
            # Asked only of the few that began so long ago: a large upload may take a day.
            if upload["Initiated"] < before and _last_part(bucket, upload) < before:
                yield key, upload["UploadId"]


def objects_before(bucket: S3Bucket, prefix: str, before: datetime) -> Iterator[str]:
    """Keys of objects that were made before the moment."""
    for page in bucket.pages("list_objects_v2", prefix):
        for entry in page.get("Contents", ()):
            if entry["LastModified"] < before:
                yield _own_key(bucket, entry)


def _own_key(bucket: S3Bucket, entry: dict[str, Any]) -> str:
    key: str = entry["Key"]
    return key[len(bucket.settings.prefix) :]


def _last_part(bucket: S3Bucket, upload: dict[str, Any]) -> datetime:
    latest: datetime = upload["Initiated"]
    with translated(bucket.place):
        pages = bucket.client.get_paginator("list_parts").paginate(
            Bucket=bucket.name, Key=upload["Key"], UploadId=upload["UploadId"]
        )
        for page in pages:
            latest = max([latest, *(part["LastModified"] for part in page.get("Parts", ()))])
    return latest
