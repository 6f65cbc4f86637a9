"""What keeps large uploads out of memory, and too large ones out altogether."""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import InvalidUploadError
from serve_app.admission import is_upload
from serve_app.errors import response_of

DISCONNECT_DISABLED = b"x-request-disconnect-disabled"
MULTIPART_OVERHEAD_BYTES = 64 * 1024
"""What a form's borders and other fields may add to the file."""


class StreamUploads:
    """Lets uploads read straight from the socket, with TCP back-pressure.

    Ray Serve reads request bodies into an unbounded queue to notice clients that go away, unless
    this header tells it not to. It is ours to set: a caller's copy is removed. It runs in front of
    Serve, named by ``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [pair for pair in scope["headers"] if pair[0] != DISCONNECT_DISABLED]
            if is_upload(scope):
                headers.append((DISCONNECT_DISABLED, b"?1"))
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


def middlewares() -> list[Middleware]:
    """What Serve's HTTP servers wrap around every application."""
    return [Middleware(StreamUploads)]


class UploadLimit:
    """Refuses an upload as soon as it is known to be too large: by its header, else by count.

    Forms are read to a temporary file before any route sees them, so the count is kept here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_upload(scope):
            await self._app(scope, receive, send)
            return
        max_bytes: int = scope["app"].state.max_upload_bytes
        allowed = max_bytes + (MULTIPART_OVERHEAD_BYTES if scope["method"] == "POST" else 0)
        if _content_length(scope) > allowed:
            await response_of(_too_large(max_bytes))(scope, receive, send)
            return
        await self._app(scope, _counted(receive, allowed, max_bytes), send)


def _counted(receive: Receive, allowed: int, max_bytes: int) -> Receive:
    received = 0

    async def count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > allowed:
            raise _too_large(max_bytes)
        return message

    return count


def _content_length(scope: Scope) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"")
    return int(value) if value.isdigit() else 0


def _too_large(max_bytes: int) -> InvalidUploadError:
    return InvalidUploadError(
        f"an upload may bring at most {max_bytes} bytes; "
        "HEADRACE_HTTP__MAX_UPLOAD_BYTES allows more",
        max_bytes=max_bytes,
    )
