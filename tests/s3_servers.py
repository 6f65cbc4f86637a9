"""S3 servers for tests: moto's in this process, and a real one that the environment names.

The real one is named by ``HEADRACE_TEST_S3_ENDPOINT``, ``…_KEY``, ``…_SECRET`` and ``…_BUCKET``
(which exists); ``…_ENCRYPTION=1`` says that it has a key store.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from actors.store_settings import S3Settings

BUCKET = "headrace-tests"


@contextmanager
def moto_server() -> Iterator[S3Settings]:
    """A server of moto's, with a bucket in it."""
    # Imported here and below, as they take seconds that most runs can do without.
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = S3Settings(
        bucket=BUCKET,
        endpoint_url=f"http://{host}:{port}",
        access_key_id="test",
        secret_access_key="test",
        max_attempts=8,  # its answer to writers of one key at the same moment may be a 500
    )
    raw_client(settings).create_bucket(Bucket=BUCKET)
    yield settings
    server.stop()


def real_server() -> S3Settings:
    """The real server, or a skipped test that says how to name one."""
    endpoint = os.environ.get("HEADRACE_TEST_S3_ENDPOINT")
    if not endpoint:
        pytest.skip(
            "no real S3 server: set HEADRACE_TEST_S3_ENDPOINT, HEADRACE_TEST_S3_KEY, "
            "HEADRACE_TEST_S3_SECRET and HEADRACE_TEST_S3_BUCKET"
        )
    return S3Settings(
        bucket=os.environ["HEADRACE_TEST_S3_BUCKET"],
        endpoint_url=endpoint,
        access_key_id=os.environ["HEADRACE_TEST_S3_KEY"],
        secret_access_key=os.environ["HEADRACE_TEST_S3_SECRET"],
        encryption=os.environ.get("HEADRACE_TEST_S3_ENCRYPTION") == "1",
    )


def of_its_own(settings: S3Settings, **changes: Any) -> S3Settings:
    """The same bucket under a prefix that nobody else uses."""
    return settings.model_copy(update={"prefix": f"{uuid4().hex}/", **changes})


def raw_client(settings: S3Settings) -> Any:
    """A plain client, for tests to look behind the adapter; one for each server."""
    assert settings.access_key_id
    assert settings.secret_access_key
    return _raw_client(
        settings.endpoint_url,
        settings.access_key_id.get_secret_value(),
        settings.secret_access_key.get_secret_value(),
    )


@cache
def _raw_client(endpoint: str, key: str, secret: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


def everything_in(settings: S3Settings) -> list[str]:
    """Every key under the prefix, and every unfinished upload (``key?uploadId``)."""
    client, place = raw_client(settings), {"Bucket": settings.bucket, "Prefix": settings.prefix}
    uploads = client.list_multipart_uploads(**place).get("Uploads", ())
    objects = client.list_objects_v2(**place).get("Contents", ())
    found = [entry["Key"] for entry in objects]
    found += [f"{upload['Key']}?{upload['UploadId']}" for upload in uploads]
    return found


@dataclass(frozen=True)
class Wire:
    """What happens between the adapter and the server; ``path`` has the query."""

    refused_with: Callable[[str, str], str | None] = lambda method, path: None
    """The S3 error that a request gets instead of an answer."""

    is_damaged: Callable[[str, str], bool] = lambda method, path: False
    """Whether the first byte of the request's body is another on arrival."""


@contextmanager
def proxied(settings: S3Settings, wire: Wire) -> Iterator[S3Settings]:
    """The same place, reached over a wire on which things happen."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code = wire.refused_with(self.command, self.path)
            if code:
                self._answer(403, {}, f"<Error><Code>{code}</Code></Error>".encode())
                return
            if wire.is_damaged(self.command, self.path):
                body = bytes([body[0] ^ 1]) + body[1:]
            host = urlsplit(str(settings.endpoint_url)).netloc
            connection = HTTPConnection(host, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
            connection.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                    self.send_header(name, value)
            length = headers.get("Content-Length") if self.command == "HEAD" else str(len(body))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with _serving(Handler) as endpoint:
        yield settings.model_copy(update={"endpoint_url": endpoint})


@contextmanager
def forgetful_server() -> Iterator[S3Settings]:
    """Takes one upload, keeps its size alone, and gives back as many zeros: for memory's sake."""
    received = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._take()
            self._answer(b"<Result><UploadId>1</UploadId></Result>")

        def do_PUT(self) -> None:
            nonlocal received
            received += self._take()
            self._answer(b"<CopyObjectResult></CopyObjectResult>")

        def do_HEAD(self) -> None:
            self._answer(b"", length=received)

        def do_GET(self) -> None:
            first, last = self.headers["Range"].removeprefix("bytes=").split("-")
            self._answer(bytes(int(last) - int(first) + 1))

        def do_DELETE(self) -> None:
            self._answer(b"")

        def _take(self) -> int:
            length = left = int(self.headers.get("Content-Length", 0))
            while left:
                left -= len(self.rfile.read(min(left, 65536)))
            return length

        def _answer(self, body: bytes, *, length: int | None = None) -> None:
            self.send_response_only(200)
            self.send_header("ETag", '"tag"')
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with _serving(Handler) as endpoint:
        yield S3Settings(
            bucket=BUCKET,
            endpoint_url=endpoint,
            access_key_id="test",
            secret_access_key="test",
        )


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that answers so."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
