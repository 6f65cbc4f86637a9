"""The REST API as an ASGI application. Routes translate; the work is done in ``pipelines``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from actors.bootstrap import Services
from pipelines.maintenance import Maintenance
from serve_app import (
    blend,
    direct_upload,
    entities,
    events,
    files,
    health,
    history,
    modules,
    query,
    records,
    upload,
)
from serve_app import maintenance as mending
from serve_app.admission import Admission, open_lanes
from serve_app.context import OpenModules, open_context
from serve_app.errors import install_error_handlers
from serve_app.problems import truthful_openapi
from serve_app.streaming import UploadLimit

OpenServices = Callable[[], AbstractAsyncContextManager[Services]]

DESCRIPTION = """
One searchable memory of what a company writes and says, with every record accounted for.

Upload exports under `/v1/files`, watch their ledger, ask questions at `/v1/query`.
Errors are problem details (RFC 9457); `429` and `503` carry `Retry-After`.
"""


def create_app(
    open_services: OpenServices,
    *,
    open_modules: OpenModules | None = None,
    maintenance: Maintenance | None = None,
) -> FastAPI:
    """Build the application; its services are opened when it starts and closed when it stops.

    ``open_modules`` makes the module registry, where code is not to be added in this process, and
    ``maintenance`` mends the stores, where the index is not to be written by it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_services() as services,
            open_context(services, open_modules=open_modules, maintenance=maintenance) as context,
        ):
            app.state.context = context
            app.state.lanes = open_lanes(services.settings)
            app.state.max_upload_bytes = services.settings.http.max_upload_bytes
            yield

    app = FastAPIOffline(
        title="Headrace",
        version=version("headrace"),
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
    )
    for routes in (
        *(upload, direct_upload, files, events),
        *(query, blend, history, records, entities, modules, mending, health),
    ):
        app.include_router(routes.router)
    install_error_handlers(app)
    app.add_middleware(UploadLimit)
    app.add_middleware(Admission)
    app.openapi = truthful_openapi(app)  # type: ignore[method-assign]
    return app
