"""What requests may say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from serve_app.search_schemas import QueryRequest
from serve_app.upload import chosen_source, mime_type_of, split_columns


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("2026-03-31", datetime(2026, 3, 31, tzinfo=UTC), id="date only"),
        pytest.param("2026-03-31T09:30:00", datetime(2026, 3, 31, 9, 30, tzinfo=UTC), id="naive"),
        pytest.param("2026-03-31T09:30:00Z", datetime(2026, 3, 31, 9, 30, tzinfo=UTC), id="UTC"),
        pytest.param(
            "2026-03-31T09:30:00+02:00", datetime(2026, 3, 31, 7, 30, tzinfo=UTC), id="offset"
        ),
    ],
)
def test_a_time_without_an_offset_is_utc(written: str, meant: datetime) -> None:
    assert QueryRequest.model_validate({"query": "x", "since": written}).since == meant


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="no text"),
        pytest.param({"query": ""}, id="empty text"),
        pytest.param({"query": "x", "limit": 0}, id="no hits wanted"),
        pytest.param({"query": "x", "limit": 201}, id="too many hits wanted"),
        pytest.param({"query": "x", "limit": "5"}, id="limit as text"),
        pytest.param({"query": "x", "since": 1774915200}, id="time as a number"),
        pytest.param({"query": "x", "since": "yesterday"}, id="time in words"),
        pytest.param({"query": "x", "mode": "magic"}, id="unknown mode"),
        pytest.param({"query": "x", "sauces": ["slack"]}, id="unknown field"),
        pytest.param({"query": "x", "weights": {"vector": -1}}, id="negative weight"),
        pytest.param({"query": "x", "diversity": 2}, id="share above one"),
        pytest.param({"query": "x", "half_life_days": 0}, id="no half-life"),
        pytest.param({"query": "x", "collapse": "all"}, id="unknown folding"),
        pytest.param({"query": "x", "filters": {"a": ["b"]}}, id="filter by a list"),
    ],
)
def test_what_is_not_understood_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        QueryRequest.model_validate(body)


def test_filter_values_keep_their_types() -> None:
    filters = {"channel": "sales", "count": 3, "open": True, "ratio": 0.5}
    kept = QueryRequest.model_validate({"query": "x", "filters": filters}).filters
    assert [type(value) for value in kept.values()] == [str, int, bool, float]


def test_columns_are_split_at_commas() -> None:
    assert split_columns("subject, body ,") == ("subject", "body")


def test_no_columns_mean_find_out() -> None:
    assert split_columns(" ") is None


@pytest.mark.parametrize("name", [None, "", "auto"])
def test_no_source_and_auto_mean_find_out(name: str | None) -> None:
    assert chosen_source(name) is None


def test_a_telling_content_type_is_kept() -> None:
    assert mime_type_of("a.bin", "text/csv; charset=utf-8") == "text/csv; charset=utf-8"


def test_an_untelling_content_type_gives_way_to_the_name() -> None:
    assert mime_type_of("a.json", "application/octet-stream") == "application/json"
