"""What stands between Serve's HTTP server and the application."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from serve_app.streaming import DISCONNECT_DISABLED, StreamUploads, middlewares


async def headers_passed_on(
    method: str, path: str, *headers: tuple[bytes, bytes]
) -> dict[bytes, bytes]:
    seen: list[tuple[bytes, bytes]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.extend(scope["headers"])

    async def nothing(*_: object) -> dict[str, str]:
        return {}

    scope: Scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    await StreamUploads(app)(scope, nothing, nothing)  # type: ignore[arg-type]
    return dict(seen)


async def test_uploads_read_straight_from_the_socket() -> None:
    headers = await headers_passed_on("PUT", "/v1/files/big.csv")
    assert headers[DISCONNECT_DISABLED] == b"?1"


async def test_callers_cannot_ask_for_it_themselves() -> None:
    headers = await headers_passed_on("POST", "/v1/query", (DISCONNECT_DISABLED, b"?1"))
    assert DISCONNECT_DISABLED not in headers


def test_serve_finds_the_middleware_by_the_name_it_is_given() -> None:
    assert middlewares()[0].cls is StreamUploads
