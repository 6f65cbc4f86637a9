"""The HTTP client of the command line: one method per route, errors that say what to do."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import orjson

from domain.errors import HeadraceError
from domain.models.files import ImportOptions

PIECE_BYTES = 256 * 1024
PAGE = 1_000
PATIENCE_SECONDS = 30.0
UPLOAD_PATIENCE_SECONDS = 1_800.0
FOLLOW_PATIENCE_SECONDS = 120.0
RECONNECT_SECONDS = 2.0
STREAM_SILENCE_SECONDS = 60.0
"""A stream that says nothing for so long, not even that it lives, is broken."""
MAX_WAIT_SECONDS = 30.0
BUSY = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
PROXY_ALONE = (
    httpx.codes.NOT_FOUND,
    httpx.codes.BAD_GATEWAY,
    httpx.codes.GATEWAY_TIMEOUT,
)
"""What the HTTP proxy answers while it does not reach the service, in words of its own."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}

Json = dict[str, Any]


class ServiceUnreachable(HeadraceError):
    """Nothing answers at the URL."""


class ServiceRefused(HeadraceError):
    """The service answered with a problem; ``details`` holds its ``status``."""


class UploadAborted(HeadraceError):
    """The user has interrupted the import."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send: where it lies, and what the service is to call it."""

    path: Path
    filename: str
    size_bytes: int


class HeadraceClient:
    """Talks to one service. Safe to use from several threads.

    Busy answers (429, 503) are waited out as the service asks, and so are those of an HTTP proxy
    behind which the service is not up again.
    """

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._aborted = threading.Event()
        self._pause: Callable[[float], object] = sleep or self._aborted.wait
        # A proxy of the environment knows nothing of this machine's loopback.
        self.transport = transport
        self._http = httpx.Client(
            base_url=self.url,
            transport=transport,
            trust_env=urlsplit(self.url).hostname not in LOOPBACK,
            timeout=httpx.Timeout(600.0, connect=5.0, pool=None),
        )

    def __enter__(self) -> HeadraceClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def status(self) -> Json:
        """Raises ``ServiceRefused`` at once where the service is not ready."""
        return self._json("GET", "/v1/status", patience_seconds=0)

    def query(self, request: Mapping[str, Any]) -> Json:
        return self._json("POST", "/v1/query", json=request)

    def entities(self, text: str | None, *, kinds: Sequence[str], limit: int) -> Json:
        asked: list[tuple[str, str]] = [("kind", kind) for kind in kinds]
        asked += [("q", text)] if text else []
        return self._json("GET", "/v1/entities", params=[*asked, ("limit", str(limit))])

    def entity(self, entity_id: str, *, offset: int, limit: int) -> Json:
        page = {"offset": offset, "limit": limit}
        return self._json("GET", f"/v1/entities/{_part(entity_id)}", params=page)

    def split_entity(self, entity_id: str, parts: Sequence[str]) -> Json:
        path = f"/v1/entities/{_part(entity_id)}/split"
        return self._json("POST", path, json={"parts": list(parts)})

    def join_entities(self, entity_id: str, other: str) -> Json:
        return self._json("POST", f"/v1/entities/{_part(entity_id)}/join", json={"with": other})

    def verify(self) -> Json:
        return self._json("GET", "/v1/verify")

    def repair(self) -> Json:
        return self._json("POST", "/v1/verify/repair")

    def indexes(self) -> Json:
        return self._json("GET", "/v1/reindex")

    def reindex(self, model: str | None) -> Json:
        return self._json("POST", "/v1/reindex", json={"model": model})

    def cancel_reindexing(self) -> Json:
        return self._json("DELETE", "/v1/reindex")

    def drop_old_indexes(self) -> Json:
        return self._json("POST", "/v1/reindex/drop-old")

    def file(self, file_id: str) -> Json:
        return self._json("GET", f"/v1/files/{_part(file_id)}")

    def files(self, *, limit: int | None = None) -> Iterator[Json]:
        """Newest upload first; all of them, page by page, when ``limit`` is ``None``."""
        before: str | None = None
        left = limit
        while left is None or left > 0:
            asked = PAGE if left is None else min(left, PAGE)
            parameters = {"limit": asked, **({"before": before} if before else {})}
            page = self._json("GET", "/v1/files", params=parameters)
            yield from page["files"]
            before = page.get("next_before")
            if before is None:
                return
            left = None if left is None else left - len(page["files"])

    def dead_letters(self, file_id: str, *, limit: int = 20) -> list[Json]:
        path = f"/v1/files/{_part(file_id)}/dead-letters"
        return list(self._json("GET", path, params={"limit": limit})["dead_letters"])

    def delete(self, file_id: str) -> Json:
        return self._json("DELETE", f"/v1/files/{_part(file_id)}")

    def replay(self, file_id: str) -> Json:
        return self._json("POST", f"/v1/files/{_part(file_id)}/replay")

    def upload(
        self,
        upload: Upload,
        options: ImportOptions,
        *,
        on_bytes: Callable[[int], None] = lambda count: None,
        on_busy: Callable[[str], None] = lambda reason: None,
    ) -> Json:
        """Stream a file to the service; returns its ``id`` and ``status``.

        A full queue (429) is waited out however long it takes, as ``Retry-After`` says; ``on_busy``
        hears why. ``on_bytes`` hears what is sent, and a negative count of what has to be again.

        Raises:
            ServiceRefused: the service does not take this file; others may go on.
            ServiceUnreachable, UploadAborted, OSError.
        """
        sent_bytes = 0

        def sent(count: int) -> None:
            nonlocal sent_bytes
            sent_bytes += count
            on_bytes(count)

        def wait(reason: str) -> None:
            sent(-sent_bytes)
            on_busy(reason)

        return self._json(
            "PUT",
            f"/v1/files/{quote(upload.filename, safe='/')}",
            params=upload_parameters(options),
            headers={"content-type": "application/octet-stream"},
            pieces=lambda: self.pieces(upload.path, sent),
            patience_seconds=UPLOAD_PATIENCE_SECONDS,
            on_busy=wait,
        )

    def offers_direct_uploads(self) -> bool:
        """Whether files may go straight to the object store; ``False`` where nobody can say."""
        try:
            return bool(self.status().get("direct_uploads", False))
        except (ServiceRefused, ServiceUnreachable):
            return False

    def begin_upload(
        self,
        upload: Upload,
        options: ImportOptions,
        *,
        on_busy: Callable[[str], None] = lambda reason: None,
    ) -> Json:
        """Begin an upload straight to the object store; ``PUT`` its parts, then complete it.

        A full queue is waited out as by ``upload``.
        """
        fields = {
            **upload_parameters(options),
            "text_columns": list(options.text_columns) if options.text_columns else None,
            "job": options.as_job,
        }
        named = {"filename": upload.filename, "size": upload.size_bytes}
        return self._json(
            "POST",
            "/v1/uploads",
            json={**named, **fields},
            patience_seconds=UPLOAD_PATIENCE_SECONDS,
            on_busy=on_busy,
        )

    def part_urls(self, upload_id: str, *, first: int, limit: int) -> list[Json]:
        path = f"/v1/uploads/{_part(upload_id)}/parts"
        return list(self._json("GET", path, params={"first": first, "limit": limit})["parts"])

    def complete_upload(self, upload_id: str, parts: list[Json]) -> Json:
        """Returns the file's ``id`` and ``status``; a repeat gives the same."""
        path = f"/v1/uploads/{_part(upload_id)}/complete"
        return self._json("POST", path, json={"parts": parts})

    def abort_upload(self, upload_id: str) -> None:
        self._json("DELETE", f"/v1/uploads/{_part(upload_id)}")

    def events(self, *, file_id: str | None = None, dead: bool = False, limit: int = 100) -> Json:
        """The latest events, oldest first, and ``next_after``."""
        parameters = {"limit": limit, **({"file": file_id} if file_id else {})}
        if dead:
            parameters["dead"] = "true"
        return self._json("GET", "/v1/events", params=parameters)

    def follow_events(self, *, after: int, file_id: str | None = None) -> Iterator[Json]:
        """Events after an id as they come, for ever; a connection that is lost is made anew.

        Raises:
            ServiceRefused, and ``ServiceUnreachable`` when the service stays away.
        """
        seen = after
        away_since: float | None = None
        while True:
            try:
                for event in self._stream_events(seen, file_id):
                    away_since = None
                    if event is not None:
                        seen = event["id"]
                        yield event
            except ServiceUnreachable:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > FOLLOW_PATIENCE_SECONDS:
                    raise
            self._pause(RECONNECT_SECONDS)

    def _stream_events(self, after: int, file_id: str | None) -> Iterator[Json | None]:
        """The events of one connection; ``None`` for each sign of life in between."""
        request = self._http.build_request(
            "GET",
            "/v1/events/stream",
            params={"file": file_id} if file_id else None,
            headers={"last-event-id": str(after)},
            timeout=httpx.Timeout(STREAM_SILENCE_SECONDS, connect=5.0),
        )
        with self._translated():
            response = self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                    refusal = _refusal(response)
                    is_passing = _is_passing(response)
                    raise ServiceUnreachable(refusal.message) if is_passing else refusal
                for line in response.iter_lines():
                    name, _, value = line.partition(":")
                    yield orjson.loads(value) if name == "data" else None
            finally:
                response.close()

    def replay_event(self, event_id: int) -> Json:
        return self._json("POST", f"/v1/events/{event_id}/replay")

    def history(self, *, view: str, days: float, limit: int) -> Json:
        parameters = {"view": view, "days": days, "limit": limit}
        return self._json("GET", "/v1/history", params=parameters)

    def similar_queries(self, query: str, *, days: float, limit: int) -> Json:
        parameters = {"query": query, "days": days, "limit": limit}
        return self._json("GET", "/v1/history/similar", params=parameters)

    def forget_history(self, asked_by: str) -> Json:
        return self._json("DELETE", "/v1/history", params={"asked_by": asked_by})

    def modules(self) -> Json:
        return self._json("GET", "/v1/modules")

    def add_module(self, fields: Mapping[str, str], files: list[tuple[str, Path]]) -> Json:
        """Bring code, as a form; ``files`` are ``wheel`` and ``samples``."""
        form = [(name, (path.name, path.read_bytes())) for name, path in files]
        # Without a file the form would be sent in another encoding.
        parts = form or [("samples", ("", b""))]
        return self._json("POST", "/v1/modules", data=dict(fields), files=parts)

    def change_module(self, kind: str, name: str, step: str, **fields: str) -> Json:
        """``activate``, ``rollback`` or ``disable``."""
        path = f"/v1/modules/{_part(kind)}/{_part(name)}/{step}"
        return self._json("POST", path, json=fields or None)

    def reparse(self, parser: str, below: str) -> Json:
        return self._json("POST", "/v1/reparse", json={"parser": parser, "below": below})

    def abort(self) -> None:
        """Let uploads that run in other threads end at their next piece."""
        self._aborted.set()

    def pieces(
        self,
        path: Path,
        on_bytes: Callable[[int], None],
        *,
        start: int = 0,
        length: int | None = None,
    ) -> Iterator[bytes]:
        """The file's bytes, or ``length`` of them from ``start`` on, to be sent.

        Raises:
            UploadAborted: ``abort`` was called.
        """
        left = length
        with path.open("rb") as file:
            file.seek(start)
            while piece := file.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left)):
                if self._aborted.is_set():
                    raise UploadAborted("the import was interrupted")
                yield piece
                on_bytes(len(piece))
                left = None if left is None else left - len(piece)

    def _json(
        self,
        method: str,
        path: str,
        *,
        pieces: Callable[[], Iterator[bytes]] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        on_busy: Callable[[str], None] | None = None,
        **options: Any,
    ) -> Json:
        while True:
            content = {"content": pieces()} if pieces else {}
            response = self._send(method, path, **options, **content)
            wait_seconds = _retry_after(response)
            is_full = response.status_code == httpx.codes.TOO_MANY_REQUESTS and on_busy is not None
            patience_seconds -= 0 if is_full else wait_seconds
            if not _is_passing(response) or patience_seconds < 0 or self._aborted.is_set():
                break
            if on_busy is not None:
                on_busy(_refusal(response).message)
            self._pause(wait_seconds)
        if response.is_success:
            return dict(response.json()) if response.content else {}
        raise _refusal(response)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._translated():
            return self._http.request(method, path, **options)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ServiceUnreachable(
                f"cannot reach {self.url}: start the service with 'headrace up', "
                "or set HEADRACE_URL"
            ) from error
        except httpx.TransportError as error:
            raise ServiceUnreachable(
                f"the connection to {self.url} broke off ({type(error).__name__}): "
                "see 'headrace status', then try again"
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ServiceUnreachable(
                f"HEADRACE_URL is no usable URL ({error}): set it to one like http://127.0.0.1:8000"
            ) from error


def upload_parameters(options: ImportOptions) -> dict[str, str]:
    """The options as the upload routes take them; what was not said is left out."""
    given = {
        "source_type": options.source,
        "text_columns": ",".join(options.text_columns) if options.text_columns else None,
        "title_column": options.title_column,
        "timestamp_column": options.timestamp_column,
        "id_column": options.id_column,
        "job": "true" if options.as_job else None,
        "priority": options.priority,
        "replace": "true" if options.replaces else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def shown_name(path: Path | str) -> str:
    """A path as text that JSON and URLs can carry; bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", errors="replace")


def _part(file_id: str) -> str:
    return quote(file_id, safe="")


def _is_passing(response: httpx.Response) -> bool:
    """Whether the same request may succeed in a moment."""
    if response.status_code in BUSY:
        return True
    is_ours = "json" in response.headers.get("content-type", "")
    return response.status_code in PROXY_ALONE and not is_ours


def _retry_after(response: httpx.Response) -> float:
    try:
        return min(max(float(response.headers.get("retry-after", 1)), 0.1), MAX_WAIT_SECONDS)
    except ValueError:
        return 1.0


def _refusal(response: httpx.Response) -> ServiceRefused:
    try:
        problem = response.json()
        said = problem.get("detail") or problem.get("title")
    except (ValueError, AttributeError):
        said = None
    message = (
        said or f"the service answered {response.status_code} {response.reason_phrase}".lower()
    )
    return ServiceRefused(message, status=response.status_code)
