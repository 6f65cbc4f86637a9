"""A node with a small application of its own instead of the API; run by ``test_serve_node``."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from fastapi import FastAPI, Request

from actors.logging import configure_logging
from actors.settings import Settings
from serve_app.node import Node


def build_app() -> FastAPI:
    app = FastAPI()

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/slow")
    async def slow() -> dict[str, str]:
        await asyncio.sleep(3)
        return {}

    @app.put("/v1/files/{name}")
    async def put(name: str, request: Request) -> dict[str, int]:
        """Read slowly enough that a body without back-pressure would pile up."""
        size = 0
        async for piece in request.stream():
            size += len(piece)
            await asyncio.sleep(0)
        return {"size": size}

    return app


def toy_application(_settings: Settings) -> Any:
    from ray import serve
    from ray.serve.config import BackpressureConfig

    deployment = serve.deployment(
        serve.ingress(build_app)(),
        name="Toy",
        max_ongoing_requests=1,
        max_queued_requests=1,
        backpressure_config=BackpressureConfig(status_code=429, retry_after_s=1),
        ray_actor_options={"num_cpus": 0.2},
    )
    return deployment.bind()


if __name__ == "__main__":
    # Replicas must import this module by its name, for its annotations to be found there.
    import node_with_toy

    settings = Settings()
    configure_logging(settings.log)
    node = Node(settings, start_actors=lambda _: {}, make_application=node_with_toy.toy_application)
    sys.exit(node.run())
