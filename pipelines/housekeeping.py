"""What has to be put in order now and then, whoever has left it."""

from __future__ import annotations

import asyncio

import structlog

from domain.errors import RetryableError
from domain.ports.object_store import ObjectStore
from pipelines.upload_finishing import UploadFinisher

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 300.0


class Housekeeping:
    """Finishes uploads that a dead process has left, and removes what nobody will come back for."""

    def __init__(
        self,
        objects: ObjectStore,
        uploads: UploadFinisher | None,
        *,
        untouched_seconds: float,
    ) -> None:
        self._objects = objects
        self._uploads = uploads
        self._untouched_seconds = untouched_seconds

    async def run(self) -> None:
        """Work until cancelled; what fails is tried again the next time."""
        while True:
            try:
                await self.tidy_up()
            except RetryableError as error:
                log.warning("housekeeping_delayed", error=error.message)
            except Exception:
                log.exception("housekeeping_failed")
            await asyncio.sleep(INTERVAL_SECONDS)

    async def tidy_up(self) -> None:
        """One round.

        Raises:
            RetryableError: a store gave no answer.
        """
        if self._uploads is not None:
            await self._uploads.sweep(untouched_seconds=self._untouched_seconds)
        removed = await self._objects.remove_leftovers(untouched_seconds=self._untouched_seconds)
        if removed:
            log.info("leftovers_removed", count=removed)
