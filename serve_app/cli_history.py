"""``headrace history``: what the commands do stands in ``serve_app.commands.history``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from serve_app.cli_options import AsJson

history_app = typer.Typer(invoke_without_command=True)


@history_app.callback()
def history(
    context: typer.Context,
    view: Annotated[
        Literal["top", "slow", "empty"],
        typer.Option(help="Asked most often, slowest, or without any hit."),
    ] = "top",
    similar: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What was asked like this instead.")
    ] = None,
    days: Annotated[float, typer.Option(min=0.001, max=3650, help="How far back to look.")] = 7.0,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 20,
    json: AsJson = False,
) -> None:
    """Show what was asked."""
    if context.invoked_subcommand is not None:
        return
    from serve_app.commands import history as commands
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    output = Output(as_json=json)
    with connect(context.obj) as client:
        commands.show_history(client, output, view=view, similar=similar, days=days, limit=limit)


@history_app.command("forget")
def forget(
    context: typer.Context,
    asked_by: Annotated[
        str, typer.Argument(metavar="NAME", help="As the X-Headrace-User header said.")
    ],
    json: AsJson = False,
) -> None:
    """Remove everything that somebody asked."""
    from serve_app.commands import history as commands
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        commands.forget_history(client, Output(as_json=json), asked_by)
