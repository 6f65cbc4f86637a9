"""``headrace events``: what the commands do stands in ``serve_app.commands.events``."""

from __future__ import annotations

from typing import Annotated

import typer

from serve_app.cli_options import AsJson

events_app = typer.Typer(invoke_without_command=True)


@events_app.callback()
def events(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with those that come, until Ctrl-C.")
    ] = False,
    file: Annotated[str | None, typer.Option(metavar="ID", help="Of this file only.")] = None,
    dead: Annotated[
        bool, typer.Option("--dead", help="Only those that could not be handled.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The latest.")] = 100,
    json: AsJson = False,
) -> None:
    """Show what happened to files; with --follow, as it happens (--json: an object a line)."""
    if context.invoked_subcommand is not None:
        return
    from domain.errors import InvalidQueryError
    from serve_app.commands import events as commands
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    if follow and dead:
        raise InvalidQueryError("--follow and --dead exclude each other: leave one of them out")
    output = Output(as_json=json)
    with connect(context.obj) as client:
        if follow:
            commands.follow_events(client, output, file_id=file, limit=limit)
        else:
            commands.list_events(client, output, file_id=file, dead=dead, limit=limit)


@events_app.command("replay")
def replay_event(
    context: typer.Context,
    id: Annotated[int, typer.Argument(metavar="ID", help="As 'headrace events --dead' shows it.")],
    json: AsJson = False,
) -> None:
    """Handle a dead event again; a file that failed by it goes on."""
    from serve_app.commands import events as commands
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        commands.replay_event(client, Output(as_json=json), id)
