"""The one table from errors to HTTP answers, as RFC 9457 problem details."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from domain import errors

log = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 1.0
CLIENT_CLOSED_REQUEST = 499

STATUS_OF: dict[type[errors.HeadraceError], int] = {
    errors.HeadraceError: 500,
    errors.RetryableError: 503,
    errors.IndexUnavailableError: 503,
    errors.StoreUnavailableError: 503,
    errors.ObjectStoreUnavailableError: 503,
    errors.CacheUnavailableError: 503,
    errors.EmbedderUnavailableError: 503,
    errors.WorkerDiedError: 503,
    errors.WorkerUnavailableError: 503,
    errors.ModuleUnavailableError: 503,
    errors.ModelUnavailableError: 503,
    errors.IndexSwitchedError: 503,
    errors.OverloadedError: 429,
    errors.RecordRejectedError: 422,
    errors.FatalImportError: 500,
    errors.UnreadableFileError: 422,
    errors.LeaseLostError: 409,
    errors.RequestError: 400,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.InvalidQueryError: 422,
    errors.InvalidUploadError: 422,
    errors.InvalidModuleError: 422,
    errors.NotPermittedError: 403,
    errors.DimensionMismatchError: 422,
}


def status_of(error: errors.HeadraceError) -> int:
    """The HTTP status of an error; an upload over its limit is 413."""
    if isinstance(error, errors.InvalidUploadError) and "max_bytes" in error.details:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def problem_response(
    status: int,
    detail: str,
    *,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document; ``details`` become members beside the standard ones."""
    title = (
        "Client Closed Request" if status == CLIENT_CLOSED_REQUEST else HTTPStatus(status).phrase
    )
    standard = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = orjson.dumps({**(details or {}), **standard}, default=str)
    return Response(body, status, dict(headers or {}), media_type=PROBLEM_JSON)


def response_of(error: errors.HeadraceError) -> Response:
    """The answer to a request that ended in ``error``; 429 and 503 say when to come back."""
    status = status_of(error)
    headers = {}
    if isinstance(error, errors.RetryableError):
        seconds = float(error.details.get("retry_after_seconds", RETRY_AFTER_SECONDS))
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", error=error.message, kind=type(error).__name__)
    return problem_response(status, error.message, details=error.details, headers=headers)


def install_error_handlers(app: FastAPI) -> None:
    """Let every error that leaves a route become a problem document."""
    app.add_exception_handler(errors.HeadraceError, _on_headrace_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_client_disconnect)
    app.add_exception_handler(Exception, _on_unexpected_error)


async def _on_headrace_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.HeadraceError)
    return response_of(error)


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [
        {"where": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]}
        for item in error.errors()
    ]
    first = problems[0]
    return problem_response(
        422, f"{first['where']}: {first['problem']}", details={"problems": problems}
    )


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    """FastAPI hides what went wrong while a form was read behind its own 400."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, errors.HeadraceError):
        return response_of(error.__cause__)
    return problem_response(error.status_code, error.detail, headers=error.headers)


async def _on_client_disconnect(request: Request, _error: Exception) -> Response:
    log.info("client_went_away", method=request.method, path=request.url.path)
    return problem_response(CLIENT_CLOSED_REQUEST, "the client went away")


async def _on_unexpected_error(request: Request, error: Exception) -> Response:
    """Tell the caller nothing of our insides; the log has the trace."""
    log.error("request_crashed", method=request.method, path=request.url.path, exc_info=error)
    return problem_response(500, "something went wrong here; the service's log says what")
