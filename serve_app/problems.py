"""How the OpenAPI document speaks of errors: one schema, the statuses that a route can answer."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from serve_app.errors import PROBLEM_JSON
from serve_app.schemas import Problem

_MEANINGS = {
    403: "A setting of the service forbids it; the detail names it.",
    404: "There is no such thing.",
    409: "The thing exists, but its present state forbids the step.",
    413: "The upload is larger than the service takes.",
    422: "A part of the request is not understood; the detail says which and why.",
    429: "Too many requests or files are waiting; come back after `Retry-After` seconds.",
    500: "Something went wrong in the service.",
    503: "A store gave no answer; come back after `Retry-After` seconds.",
}
_WITH_RETRY_AFTER = {429, 503}

Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """The ``responses`` of a route under ``/v1``: what any of them may answer, and ``statuses``."""
    return documented(*statuses, 429, 500, 503)


def documented(*statuses: int) -> Responses:
    """The ``responses`` of a route that answers exactly these errors."""
    return {status: _documented(status) for status in sorted(set(statuses))}


def _documented(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "model": Problem,
        "description": f"{HTTPStatus(status).phrase}. {_MEANINGS[status]}",
    }
    if status in _WITH_RETRY_AFTER:
        response["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}
        }
    return response


def truthful_openapi(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """``app.openapi``, with problems under the media type that they are sent as."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        for operations in document["paths"].values():
            for operation in operations.values():
                _name_problem_media(operation["responses"])
        return document

    return openapi


def _name_problem_media(responses: dict[str, Any]) -> None:
    for status, response in responses.items():
        content = response.get("content", {})
        if int(status) >= 400 and len(content) == 1:
            (media,) = content.values()
            response["content"] = {PROBLEM_JSON: media}
