"""``modules add``: beside the service, on its data directory, or over REST."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from actors.adapters.postgres.server import EmbeddedPostgres
from actors.bootstrap import open_metadata
from actors.modules.registry import Offer, open_registry
from actors.settings import Adding, Settings
from domain.errors import HeadraceError, NotPermittedError
from serve_app.client import ServiceUnreachable
from serve_app.commands.connection import connect
from serve_app.commands.output import Output
from serve_app.launcher import live_state
from serve_app.module_schemas import ModuleModel

Json = dict[str, Any]


class NotValidated(HeadraceError):
    """The module was kept, but may not be activated."""


def add_module(
    settings: Settings, output: Output, offer: Offer, *, transport: httpx.BaseTransport | None
) -> None:
    """Test the code and keep it: in the data directory itself, or where HEADRACE_URL points.

    Raises:
        NotPermittedError: the setting forbids it.
        NotValidated: it did not pass; what was wrong is printed.
    """
    if _is_here(settings):
        module = asyncio.run(_add_here(settings, offer))
    else:
        with connect(transport) as client:
            module = client.add_module(*_form(offer))
    _show_added(module, output)


def _is_here(settings: Settings) -> bool:
    """Whether the service that is meant is the one of the data directory."""
    if "url" not in settings.model_fields_set:
        return True
    state = live_state(settings.data_dir)
    return state is not None and state.url == settings.url.rstrip("/")


async def _add_here(settings: Settings, offer: Offer) -> Json:
    """Beside the service: whoever may write the data directory may bring code into it anyway."""
    if settings.modules.adding is Adding.OFF:
        raise NotPermittedError(
            "adding a module is running its code, and HEADRACE_MODULES__ADDING is off: "
            "set it to local or rest"
        )
    metadata = await open_metadata(_with_database(settings))
    try:
        module = await open_registry(settings, metadata.modules).add(offer)
    finally:
        await metadata.close()
    return ModuleModel.of(module).model_dump(mode="json")


def _with_database(settings: Settings) -> Settings:
    """The settings, naming the database that runs in their data directory.

    Raises:
        ServiceUnreachable: none runs there.
    """
    if settings.postgres.dsn is not None:
        return settings
    server = EmbeddedPostgres(settings.data_dir.absolute())
    if not server.is_running():
        raise ServiceUnreachable(
            f"no service runs on {settings.data_dir}: start it with 'headrace up', "
            "or name its directory with --data-dir"
        )
    postgres = settings.postgres.model_copy(update={"dsn": SecretStr(server.dsn)})
    return settings.model_copy(update={"postgres": postgres})


def _form(offer: Offer) -> tuple[dict[str, str], list[tuple[str, Path]]]:
    fields = {"kind": str(offer.kind)}
    if offer.locator:
        fields["locator"] = offer.locator
    files = [("wheel", offer.wheel)] if offer.wheel else []
    return fields, [*files, *(("samples", sample) for sample in offer.samples)]


def _show_added(module: Json, output: Output) -> None:
    label = f"{module['name']} {module['version']}"
    if output.as_json:
        output.json(module)
    else:
        rows = [
            ("ok" if check["ok"] else "failed", check["name"], check["detail"])
            for check in module["checks"]
        ]
        output.table(("", "check", "seen"), rows)
        output.line(f"{module['kind']} {label} {module['state']}")
    if module["error"]:
        raise NotValidated(f"{label} may not be activated: {module['error']}")
    output.note(f"use it: headrace modules activate {label} --kind {module['kind']}")
