"""Routes over modules: see them, bring one, swap them, read files again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from actors.modules.registry import Offer
from actors.settings import Adding
from domain.errors import InvalidModuleError, NotPermittedError
from domain.models.modules import ModuleKey, ModuleKind
from pipelines.reparsing import reparse
from serve_app.context import Context, InContext
from serve_app.module_schemas import (
    ActivateRequest,
    ActivationModel,
    ModuleList,
    ModuleModel,
    ReparseRequest,
    ReparseResponse,
)
from serve_app.problems import problems

router = APIRouter(prefix="/v1", tags=["modules"])

_TEXT = {"type": "string"}
_FILE = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "kind": {"type": "string", "enum": [*ModuleKind], "default": "parser"},
                        "locator": {**_TEXT, "description": "`package.module:ClassName`"},
                        "wheel": {**_FILE, "description": "Left out for what is installed."},
                        "samples": {"type": "array", "items": _FILE},
                    },
                }
            }
        },
    }
}


@router.get("/modules", summary="List modules", responses=problems())
async def list_modules(context: InContext) -> ModuleList:
    """Built-in parsers and every module that was added, with their states and self-tests."""
    return ModuleList(modules=[ModuleModel.of(module) for module in await context.modules.list()])


@router.post(
    "/modules",
    status_code=201,
    summary="Add a module",
    responses=problems(403, 409, 413, 422),
    openapi_extra=_FORM,
)
async def add_module(request: Request, context: InContext) -> ModuleModel:
    """Tests the code on the samples in a process of its own, and keeps it. Activates nothing.

    What does not pass is kept as `added`, with its error. Adding is running code in the service,
    so the setting `HEADRACE_MODULES__ADDING` must be `rest`, and no web page may ask.
    """
    _check_permitted(context, request)
    async with request.form() as form:
        with tempfile.TemporaryDirectory(prefix="headrace-module-") as directory:
            offer = await run_in_threadpool(_offer, form, Path(directory))
            return ModuleModel.of(await context.modules.add(offer))


@router.post(
    "/modules/{kind}/{name}/activate",
    summary="Use a version for new work",
    responses=problems(404, 409, 422),
)
async def activate_module(
    kind: ModuleKind, name: str, wanted: ActivateRequest, context: InContext
) -> ActivationModel:
    """At once for every file that comes; a file under way ends on the version it began with."""
    key = ModuleKey(kind, name, wanted.version)
    return ActivationModel.of(await context.modules.activate(key))


@router.post(
    "/modules/{kind}/{name}/rollback",
    summary="Go back to what was in use before",
    responses=problems(409, 422),
)
async def rollback_module(kind: ModuleKind, name: str, context: InContext) -> ActivationModel:
    """Undoes the last activation or disabling of the name; repeated, the one before it."""
    return ActivationModel.of(await context.modules.rollback(kind, name))


@router.post(
    "/modules/{kind}/{name}/disable",
    summary="Use nothing under a name",
    responses=problems(404, 422),
)
async def disable_module(kind: ModuleKind, name: str, context: InContext) -> ActivationModel:
    """Neither a module nor the built-in; files that only it reads fail with a sentence."""
    return ActivationModel.of(await context.modules.disable(kind, name))


@router.post(
    "/reparse",
    status_code=202,
    summary="Read files again that an older version has read",
    responses=problems(422),
)
async def reparse_files(wanted: ReparseRequest, context: InContext) -> ReparseResponse:
    """Replays every file with records that a version before `below` has read."""
    metadata = context.services.metadata
    return ReparseResponse.of(await reparse(metadata, parser=wanted.parser, below=wanted.below))


def _check_permitted(context: Context, request: Request) -> None:
    """Raises ``NotPermittedError``. A browser names the page that asks, whatever it promises."""
    if context.services.settings.modules.adding is not Adding.REST:
        raise NotPermittedError(
            "adding a module is running its code, and HEADRACE_MODULES__ADDING forbids it over "
            "REST: use 'headrace modules add' beside the data directory, or set it to rest"
        )
    if "origin" in request.headers:
        raise NotPermittedError("a web page may not add modules: use 'headrace modules add'")


def _offer(form: FormData, directory: Path) -> Offer:
    wheels, samples = (list(_uploads(form, name)) for name in ("wheel", "samples"))
    wheel = _saved(wheels, directory / "wheel")
    locator = form.get("locator")
    try:
        kind = ModuleKind(str(form.get("kind") or ModuleKind.PARSER))
    except ValueError as error:
        raise InvalidModuleError("the kind is parser or storage") from error
    if not wheel and not locator:
        raise InvalidModuleError("bring a wheel, or name an installed class as locator")
    return Offer(
        kind=kind,
        locator=str(locator) if locator else None,
        wheel=wheel[0] if wheel else None,
        samples=_saved(samples, directory / "samples"),
    )


def _uploads(form: FormData, name: str) -> Iterator[UploadFile]:
    for part in form.getlist(name):
        if isinstance(part, UploadFile) and part.filename:
            yield part


def _saved(parts: Sequence[UploadFile], directory: Path) -> list[Path]:
    """The parts as files; each in a folder of its own, since names may repeat."""
    paths = []
    for number, part in enumerate(parts):
        path = directory / str(number) / (PurePosixPath(part.filename or "").name or "sample")
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            shutil.copyfileobj(part.file, file)
        paths.append(path)
    return paths
