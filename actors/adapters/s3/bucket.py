"""One bucket: its clients, the threads that call them, and the names of keys in it.

::

    <prefix>sha256/ab/cd/abcd…    complete objects
    <prefix>incoming/…            uploads through the service on their way; age removes them
    <prefix>uploads/<id>          uploads straight from clients, until they get their content's name
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, cached_property
from typing import Any, ParamSpec, TypeVar

import boto3
import botocore.loaders
import botocore.session
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from actors.adapters.s3.errors import (
    NO_OBJECT,
    NO_UPLOAD,
    Place,
    code_of,
    does_not_encrypt,
    translated,
)
from actors.store_settings import S3Settings
from domain.errors import NotFoundError, ObjectStoreUnavailableError

P = ParamSpec("P")
T = TypeVar("T")

MIB = 1024 * 1024
INCOMING = "incoming/"
COPY_PART_BYTES = 256 * MIB
"""Larger objects are copied in parts, each of which a server answers within the timeout."""

PROBE_SECONDS = 1.5
"""A ping has to say why before its caller loses patience."""

_BROKEN_OFF = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)


class S3Bucket:
    """Blocking calls, safe from several threads; ``run`` makes them in threads of the bucket's own.

    Every method but ``run`` and ``close`` blocks, and raises ``ObjectStoreUnavailableError`` with
    the fix. Nothing connects before the first call.
    """

    def __init__(self, settings: S3Settings) -> None:
        self.settings = settings
        self.name = settings.bucket or ""
        self.place = Place(self.name, settings.endpoint_url or "Amazon S3")
        self._threads = ThreadPoolExecutor(settings.max_connections, thread_name_prefix="s3")
        # Clients may be shared between threads, their making may not.
        self._making = threading.Lock()

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's result, from one of ``max_connections`` threads.

        A caller that is cancelled waits no longer; the call itself goes on to its end.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: call(*args, **kwargs))

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        for name in ("client", "probe", "signer"):
            client = self.__dict__.pop(name, None)
            if client is not None:
                client.close()

    @cached_property
    def _session(self) -> Any:
        session = botocore.session.get_session()
        session.register_component("data_loader", _descriptions())
        return boto3.session.Session(botocore_session=session)

    @cached_property
    def client(self) -> Any:
        return self._client(
            connect_timeout=self.settings.connect_timeout_seconds,
            read_timeout=self.settings.read_timeout_seconds,
            total_max_attempts=self.settings.max_attempts,
        )

    @cached_property
    def probe(self) -> Any:
        """A client that gives up early."""
        return self._client(
            connect_timeout=PROBE_SECONDS, read_timeout=PROBE_SECONDS, total_max_attempts=1
        )

    @cached_property
    def signer(self) -> Any:
        """A client whose URLs lead where uploading clients reach the server."""
        return self._client(
            endpoint_url=self.settings.public_endpoint_url or self.settings.endpoint_url,
            checksums=False,
        )

    def key(self, key: str) -> str:
        """The key's name in the bucket."""
        return self.settings.prefix + key

    def encryption(self) -> dict[str, str]:
        """What every call that creates an object says about encryption."""
        return {"ServerSideEncryption": "AES256"} if self.settings.encryption else {}

    def checksum(self) -> dict[str, str]:
        """What calls that bring bytes say about checksums; the driver computes them."""
        return {"ChecksumAlgorithm": "CRC32"} if self.settings.checksums else {}

    def size(self, key: str) -> int:
        """Bytes of the object. Raises ``NotFoundError``."""
        try:
            with translated(self.place, key):
                answer = self.client.head_object(Bucket=self.name, Key=self.key(key))
        except NotFoundError:
            # To this question a missing bucket gives the same answer as a missing object.
            with translated(self.place):
                self.client.head_bucket(Bucket=self.name)
            raise
        return int(answer["ContentLength"])

    def read(self, key: str, start: int, length: int) -> bytes:
        """Exactly these bytes of the object. Raises ``NotFoundError``."""
        with translated(self.place, key):
            for attempt in self._reading_again():
                with attempt:
                    answer = self.client.get_object(
                        Bucket=self.name,
                        Key=self.key(key),
                        Range=f"bytes={start}-{start + length - 1}",
                    )
                    with answer["Body"] as body:
                        content: bytes = body.read()
        if len(content) != length:
            raise ObjectStoreUnavailableError(
                f"{len(content)} of {length} bytes of the object {key} came: it may be damaged",
                key=key,
            )
        return content

    def _reading_again(self) -> Retrying:
        """The driver tries calls again, but not the reading of an answer that has begun."""
        return Retrying(
            retry=retry_if_exception_type(_BROKEN_OFF),
            stop=stop_after_attempt(self.settings.max_attempts),
            wait=wait_random_exponential(multiplier=0.5, max=5),
            reraise=True,
        )

    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""
        with translated(self.place):
            self.client.delete_object(Bucket=self.name, Key=self.key(key))

    def copy(self, key: str, target: str) -> None:
        """Copy an object within the server; in parts, several at a time, where it is large."""
        with translated(self.place, key):
            self.client.copy(
                {"Bucket": self.name, "Key": self.key(key)},
                self.name,
                self.key(target),
                ExtraArgs=self.encryption(),
                Config=TransferConfig(
                    multipart_threshold=COPY_PART_BYTES,
                    multipart_chunksize=COPY_PART_BYTES,
                    max_concurrency=4,
                ),
            )

    def begin_multipart(self, key: str) -> str:
        """Begin an upload in parts; returns the server's id of it."""
        with translated(self.place):
            answer = self.client.create_multipart_upload(
                Bucket=self.name, Key=self.key(key), **self.encryption(), **self.checksum()
            )
        return str(answer["UploadId"])

    def complete_multipart(self, key: str, upload_id: str, parts: list[dict[str, Any]]) -> None:
        """Make an object of the parts. That it was completed before is no error.

        Raises:
            NotFoundError: there is neither such an upload nor the object.
            botocore.exceptions.ClientError: the server refuses the parts (``BAD_PARTS``).
        """
        try:
            self.client.complete_multipart_upload(
                Bucket=self.name,
                Key=self.key(key),
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
            )
        except ClientError as error:
            if code_of(error) not in NO_UPLOAD:
                raise
            # An earlier try may have done it, and only its answer was lost.
            self.size(key)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Remove an unfinished upload with its parts, if there is one."""
        with translated(self.place):
            try:
                self.client.abort_multipart_upload(
                    Bucket=self.name, Key=self.key(key), UploadId=upload_id
                )
            except ClientError as error:
                if code_of(error) not in NO_UPLOAD | NO_OBJECT:
                    raise

    def pages(self, operation: str, prefix: str) -> Iterator[dict[str, Any]]:
        """The pages of a listing, under a prefix within ours."""
        with translated(self.place):
            paginator = self.client.get_paginator(operation)
            yield from paginator.paginate(Bucket=self.name, Prefix=self.key(prefix))

    def prove_writable(self) -> None:
        """Begin an upload and give it up: shows that we may write, and leaves nothing.

        Some servers take no notice of the wish for encryption, so their answer is looked at.
        """
        key = self.key(f"{INCOMING}ping")
        with translated(self.place):
            answer = self.probe.create_multipart_upload(
                Bucket=self.name, Key=key, **self.encryption()
            )
            with suppress(ClientError):
                self.probe.abort_multipart_upload(
                    Bucket=self.name, Key=key, UploadId=answer["UploadId"]
                )
        if self.settings.encryption and "ServerSideEncryption" not in answer:
            raise does_not_encrypt(self.place)

    def _client(
        self, *, endpoint_url: str | None = None, checksums: bool | None = None, **options: Any
    ) -> Any:
        settings = self.settings
        attempts = options.pop("total_max_attempts", settings.max_attempts)
        wants_checksums = settings.checksums if checksums is None else checksums
        when = "when_supported" if wants_checksums else "when_required"
        by_path = settings.path_style
        if by_path is None:
            by_path = settings.endpoint_url is not None
        config = Config(
            signature_version="s3v4",
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=settings.max_connections,
            s3={"addressing_style": "path" if by_path else "auto"},
            request_checksum_calculation=when,
            response_checksum_validation=when,
            **options,
        )
        with self._making:
            return self._session.client(
                "s3",
                endpoint_url=endpoint_url or settings.endpoint_url,
                region_name=settings.region or ("us-east-1" if settings.endpoint_url else None),
                aws_access_key_id=_secret(settings.access_key_id),
                aws_secret_access_key=_secret(settings.secret_access_key),
                aws_session_token=_secret(settings.session_token),
                verify=str(settings.ca_bundle) if settings.ca_bundle else settings.verify_tls,
                config=config,
            )


@cache
def _descriptions() -> Any:
    """What botocore knows about S3, read once: it takes most of the time that a client takes."""
    return botocore.loaders.create_loader()


def _secret(value: Any) -> str | None:
    return value.get_secret_value() if value is not None else None
