"""A client of Weaviate, connected."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from weaviate import WeaviateAsyncClient, use_async_with_custom
from weaviate.classes.init import AdditionalConfig, Auth, Timeout
from weaviate.config import GrpcConfig

from actors.adapters.weaviate.errors import translated
from actors.store_settings import WeaviateSettings

MAX_RECONNECT_WAIT_MS = 5_000
"""gRPC alone would wait for up to two minutes before it tries a server again that was away."""


async def connect(settings: WeaviateSettings) -> WeaviateAsyncClient:
    """Connect; raises the client's own errors, and leaves nothing open then."""
    # Of an object that was refused it would log the content.
    logging.getLogger("weaviate-client").setLevel(logging.CRITICAL)
    client = _client(settings)
    try:
        await client.connect()
    except BaseException:
        await client.close()
        raise
    return client


async def check_server(settings: WeaviateSettings) -> None:
    """Make sure that both ports answer, and that we may look at collections.

    Raises:
        IndexUnavailableError: with the fix.
    """
    with translated(settings.url, "look at its collections"):
        client = await connect(settings)
        try:
            await client.collections.exists(settings.collection)
        finally:
            await client.close()


def _client(settings: WeaviateSettings) -> WeaviateAsyncClient:
    url = urlsplit(settings.url)
    is_secure = url.scheme == "https"
    host = url.hostname or ""
    key = settings.api_key
    return use_async_with_custom(
        http_host=host,
        http_port=url.port or (443 if is_secure else 80),
        http_secure=is_secure,
        grpc_host=settings.grpc_host or host,
        grpc_port=settings.grpc_port,
        grpc_secure=is_secure,
        headers=_headers(settings),
        auth_credentials=Auth.api_key(key.get_secret_value()) if key else None,
        additional_config=AdditionalConfig(
            timeout=Timeout(
                init=settings.connect_timeout_seconds,
                query=settings.query_timeout_seconds,
                insert=settings.write_timeout_seconds,
            ),
            trust_env=settings.trust_environment,
            grpc_config=GrpcConfig(
                channel_options=[("grpc.max_reconnect_backoff_ms", MAX_RECONNECT_WAIT_MS)]
            ),
        ),
        # They would ask PyPI for the client's newest version.
        skip_init_checks=True,
    )


def _headers(settings: WeaviateSettings) -> dict[str, str] | None:
    """The key of the service that embeds: Weaviate passes it on and keeps it nowhere."""
    key = settings.openai_api_key
    return {"X-OpenAI-Api-Key": key.get_secret_value()} if key else None
