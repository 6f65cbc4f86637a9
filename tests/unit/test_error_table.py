"""Every error has its HTTP answer."""

from __future__ import annotations

import orjson
import pytest

from domain.errors import (
    HeadraceError,
    InvalidUploadError,
    NotFoundError,
    OverloadedError,
    StoreUnavailableError,
)
from serve_app.errors import PROBLEM_JSON, STATUS_OF, response_of, status_of


def every_kind(root: type[HeadraceError] = HeadraceError) -> list[type[HeadraceError]]:
    """The tree of ``domain.errors``; the command line's own errors never meet HTTP."""
    children = (child for child in root.__subclasses__() if child.__module__ == root.__module__)
    return [root, *(kind for child in children for kind in every_kind(child))]


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: kind.__name__)
def test_the_table_names_every_error(kind: type[HeadraceError]) -> None:
    assert kind in STATUS_OF


def test_an_error_unknown_to_the_table_takes_the_status_of_its_parent() -> None:
    error = type("LostSocketError", (StoreUnavailableError,), {})("no answer")
    assert status_of(error) == 503


def test_an_upload_over_its_limit_is_413() -> None:
    assert status_of(InvalidUploadError("too large", max_bytes=5)) == 413


def test_an_answer_is_a_problem_document_with_the_details_as_members() -> None:
    response = response_of(NotFoundError("no file has this id", file_id="f1"))
    assert response.headers["content-type"] == PROBLEM_JSON
    assert orjson.loads(response.body) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no file has this id",
        "file_id": "f1",
    }


def test_details_cannot_replace_the_standard_members() -> None:
    response = response_of(NotFoundError("no such file", status="gone"))
    assert orjson.loads(response.body)["status"] == 404


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        pytest.param(OverloadedError("full", retry_after_seconds=4.2), "5", id="asked for"),
        pytest.param(StoreUnavailableError("no answer"), "1", id="by default"),
    ],
)
def test_retryable_errors_say_when_to_come_back(error: HeadraceError, seconds: str) -> None:
    assert response_of(error).headers["retry-after"] == seconds
