"""Large files straight to the object store, where the service offers it."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from hashlib import md5
from threading import Lock
from types import TracebackType
from urllib.parse import urlsplit

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from domain.errors import HeadraceError
from domain.models.files import ImportOptions
from serve_app.client import (
    LOOPBACK,
    HeadraceClient,
    Json,
    ServiceRefused,
    ServiceUnreachable,
    Upload,
)
from serve_app.commands.outage import Outage

DIRECT_FROM_BYTES = 64 * 1024 * 1024
"""Below this size the way through the service is shorter."""

PARTS_IN_FLIGHT = 3
ATTEMPTS = 5

OnBytes = Callable[[int], None]
OnBusy = Callable[[str], None]


class PartFailed(HeadraceError):
    """A part did not arrive; it may be sent again."""


class DirectSender:
    """Sends files: large ones in parts to the object store, the others through the service.

    Safe to use from several threads. A store that cannot be reached from here is told once; then
    all files go through the service.
    """

    def __init__(
        self,
        client: HeadraceClient,
        note: Callable[[str], None],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._note = note
        self._sleep = sleep
        self._outage = Outage(sleep=sleep)
        self._lock = Lock()
        self._is_unreachable = False
        self._stores: dict[bool, httpx.Client] = {}

    def __enter__(self) -> DirectSender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for store in self._stores.values():
            store.close()

    def send(
        self,
        upload: Upload,
        options: ImportOptions,
        on_bytes: OnBytes,
        on_busy: OnBusy = lambda reason: None,
    ) -> Json:
        """Bring the file in; returns its ``id`` and ``status``.

        Raises:
            ServiceRefused: the service does not take this file; others may go on.
            ServiceUnreachable, UploadAborted, OSError.
        """
        if upload.size_bytes >= DIRECT_FROM_BYTES and self._is_offered:
            try:
                return self._send_direct(upload, options, on_bytes, on_busy)
            except PartFailed as error:
                self._give_up_direct(error.message)
        return self._client.upload(upload, options, on_bytes=on_bytes, on_busy=on_busy)

    @property
    def _is_offered(self) -> bool:
        with self._lock:
            return not self._is_unreachable and self._service_offers

    @cached_property
    def _service_offers(self) -> bool:
        return self._client.offers_direct_uploads()

    def _give_up_direct(self, why: str) -> None:
        with self._lock:
            if not self._is_unreachable:
                self._note(f"{why}; sending through the service instead")
            self._is_unreachable = True

    def _send_direct(
        self, upload: Upload, options: ImportOptions, on_bytes: OnBytes, on_busy: OnBusy
    ) -> Json:
        """The service may restart on the way: what was sent is not sent again."""
        begun = self._outage.bridge(
            lambda: self._client.begin_upload(upload, options, on_busy=on_busy)
        )
        upload_id = begun["upload_id"]
        try:
            parts = self._send_parts(upload, begun, on_bytes)
        except BaseException:
            with suppress(ServiceRefused, ServiceUnreachable):
                self._client.abort_upload(upload_id)
            raise
        return self._outage.bridge(lambda: self._client.complete_upload(upload_id, parts))

    def _send_parts(self, upload: Upload, begun: Json, on_bytes: OnBytes) -> list[Json]:
        def send(number: int) -> Json:
            return self._send_part(upload, begun, number, on_bytes)

        pool = ThreadPoolExecutor(PARTS_IN_FLIGHT)
        try:
            return list(pool.map(send, range(1, begun["part_count"] + 1)))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _send_part(self, upload: Upload, begun: Json, number: int, on_bytes: OnBytes) -> Json:
        """A fresh URL for every try: an old one may have expired meanwhile."""
        start = (number - 1) * begun["part_bytes"]
        length = min(begun["part_bytes"], upload.size_bytes - start)
        checksum = self._md5(upload, start, length)
        for attempt in self._trying_again():
            with attempt:
                url = self._part_url(begun["upload_id"], number)
                pieces = self._client.pieces(upload.path, on_bytes, start=start, length=length)
                etag = self._put(url, pieces, length, checksum)
        return {"number": number, "etag": etag}

    def _part_url(self, upload_id: str, number: int) -> str:
        [part] = self._outage.bridge(
            lambda: self._client.part_urls(upload_id, first=number, limit=1)
        )
        url: str = part["url"]
        return url

    def _md5(self, upload: Upload, start: int, length: int) -> str:
        """What the store checks the part against."""
        digest = md5(usedforsecurity=False)
        for piece in self._client.pieces(
            upload.path, lambda count: None, start=start, length=length
        ):
            digest.update(piece)
        return base64.b64encode(digest.digest()).decode()

    def _put(self, url: str, pieces: Iterator[bytes], length: int, checksum: str) -> str:
        host = urlsplit(url).netloc
        headers = {"Content-Length": str(length), "Content-MD5": checksum}
        try:
            answer = self._store(url).put(url, content=pieces, headers=headers)
        except httpx.TransportError as error:
            raise PartFailed(
                f"the object store at {host} does not answer ({type(error).__name__})"
            ) from error
        if not answer.is_success:
            raise PartFailed(f"the object store at {host} answered {answer.status_code}")
        return answer.headers["etag"]

    def _trying_again(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(PartFailed),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.5, max=10),
            sleep=self._sleep,
            reraise=True,
        )

    def _store(self, url: str) -> httpx.Client:
        """A client for the store. A proxy of the environment knows nothing of our loopback."""
        is_near = urlsplit(url).hostname in LOOPBACK
        with self._lock:
            if is_near not in self._stores:
                self._stores[is_near] = httpx.Client(
                    transport=self._client.transport,
                    trust_env=not is_near,
                    timeout=httpx.Timeout(120.0, connect=5.0, pool=None),
                )
            return self._stores[is_near]
