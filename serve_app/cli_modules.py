"""``headrace modules``: what the commands do stands in ``serve_app.commands``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from serve_app.cli_options import AsJson, DataDir

modules_app = typer.Typer(no_args_is_help=True, help="Swap parsers while the service runs.")

ModuleName = Annotated[str, typer.Argument(metavar="NAME", help="As 'modules list' shows it.")]
Kind = Annotated[Literal["parser", "storage"], typer.Option(help="What the module is.")]


@modules_app.command("list")
def list_modules(context: typer.Context, json: AsJson = False) -> None:
    """List the built-in parsers and all modules with their states."""
    from serve_app.commands import modules
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        modules.list_modules(client, Output(as_json=json))


@modules_app.command("add")
def add_module(
    context: typer.Context,
    code: Annotated[
        str, typer.Argument(metavar="CODE", help="A wheel, or an installed package.module:Class.")
    ],
    locator: Annotated[
        str | None, typer.Option(metavar="PACKAGE:CLASS", help="Which class of the wheel.")
    ] = None,
    sample: Annotated[
        list[Path] | None,
        typer.Option(exists=True, metavar="FILE", help="To test on; may be repeated."),
    ] = None,
    kind: Kind = "parser",
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Test code in a process of its own and keep it; activates nothing.

    Works on the data directory itself. Where HEADRACE_URL names another service than the one that
    runs there, the code goes over REST, if that service allows it.
    """
    from actors.modules.registry import Offer
    from domain.models.modules import ModuleKind
    from serve_app.commands import module_adding
    from serve_app.commands.connection import load_settings
    from serve_app.commands.output import Output

    is_wheel = code.endswith(".whl")
    offer = Offer(
        kind=ModuleKind(kind),
        locator=locator if is_wheel else code,
        wheel=Path(code) if is_wheel else None,
        samples=tuple(sample or ()),
    )
    output = Output(as_json=json)
    module_adding.add_module(load_settings(data_dir), output, offer, transport=context.obj)


@modules_app.command("activate")
def activate_module(
    context: typer.Context,
    name: ModuleName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="As 'modules list' shows it.")],
    kind: Kind = "parser",
    json: AsJson = False,
) -> None:
    """Use a version for new work; what is under way ends on the version it began with."""
    _change_module(context, kind, name, "activate", json=json, version=version)


@modules_app.command("rollback")
def rollback_module(
    context: typer.Context, name: ModuleName, kind: Kind = "parser", json: AsJson = False
) -> None:
    """Go back to what was in use before; repeated, further back."""
    _change_module(context, kind, name, "rollback", json=json)


@modules_app.command("disable")
def disable_module(
    context: typer.Context, name: ModuleName, kind: Kind = "parser", json: AsJson = False
) -> None:
    """Use nothing under a name, not even the built-in; rollback undoes it."""
    _change_module(context, kind, name, "disable", json=json)


def _change_module(
    context: typer.Context, kind: str, name: str, step: str, *, json: bool, **fields: str
) -> None:
    from serve_app.commands import modules
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        modules.change_module(client, Output(as_json=json), kind, name, step, **fields)
