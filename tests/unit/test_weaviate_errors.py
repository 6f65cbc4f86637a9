"""Every way in which Weaviate fails is one sentence with the fix."""

from __future__ import annotations

import httpx
import pytest
from weaviate.exceptions import (
    AuthenticationFailedError,
    UnexpectedStatusCodeError,
    WeaviateBatchError,
    WeaviateConnectionError,
    WeaviateQueryError,
    WeaviateStartUpError,
)

from actors.adapters.weaviate.errors import refusal, translated
from actors.adapters.weaviate.index import WeaviateSearchIndex
from actors.store_settings import WeaviateSettings
from domain.errors import IndexUnavailableError

URL = "http://weaviate.test:8080"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(TimeoutError(), "in time", id="too late"),
        pytest.param(WeaviateConnectionError(), "start it", id="no connection"),
        pytest.param(WeaviateStartUpError("Could not connect"), "start it", id="not started"),
        pytest.param(WeaviateQueryError("failed to connect to all", "GRPC"), "start it", id="gRPC"),
        pytest.param(AuthenticationFailedError("no"), "API_KEY", id="wrong key"),
        pytest.param(
            UnexpectedStatusCodeError("get", httpx.Response(403, json={})), "API_KEY", id="not ours"
        ),
        pytest.param(
            WeaviateQueryError("could not find class X in schema", "GRPC"), "replay", id="gone"
        ),
        pytest.param(WeaviateBatchError("store is read-only"), "free some space", id="full disk"),
        pytest.param(WeaviateQueryError("odd", "GRPC"), "could not search", id="anything else"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, said: str) -> None:
    with pytest.raises(IndexUnavailableError, match=said), translated(URL, "search"):
        raise error


def test_a_refusal_for_want_of_space_says_so() -> None:
    assert "free some space" in refusal(URL, "shard is READONLY")


async def test_opening_where_nothing_listens_says_what_to_start() -> None:
    settings = WeaviateSettings(url="http://127.0.0.1:9", grpc_port=19)
    with pytest.raises(IndexUnavailableError, match="start it"):
        await WeaviateSearchIndex.open(settings, dimension=4)
