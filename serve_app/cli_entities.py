"""Commands over entities: what they do stands in ``serve_app.commands.entities``."""

from __future__ import annotations

from typing import Annotated

import typer

from serve_app.cli_options import AsJson

EntityId = Annotated[str, typer.Argument(metavar="ID", help="As 'headrace entities' shows it.")]


def entities(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="Words of a name, an address, an id, a key."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="person, account, opportunity, case, call, thread or product; may be repeated."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    json: AsJson = False,
) -> None:
    """Find people, accounts, opportunities, cases, calls, threads and products."""
    from serve_app.commands import entities as commands
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        commands.find_entities(client, Output(as_json=json), text, kind or [], limit=limit)


def entity(
    context: typer.Context,
    id: EntityId,
    offset: Annotated[int, typer.Option(min=0, help="Where the timeline begins.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Of the timeline.")] = 50,
    json: AsJson = False,
) -> None:
    """Show one: names, keys, what else it may be, and its timeline across sources."""
    from serve_app.commands import entities as commands
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        commands.show_entity(client, Output(as_json=json), id, offset=offset, limit=limit)


def split_entity(
    context: typer.Context,
    id: EntityId,
    parts: Annotated[
        list[str],
        typer.Argument(metavar="PART…", help="Keys or names, or ids of its near parts."),
    ],
    json: AsJson = False,
) -> None:
    """Part what was wrongly linked, for good."""
    from serve_app.commands import entities as commands
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        commands.split_entity(client, Output(as_json=json), id, parts)


def join_entities(
    context: typer.Context,
    id: EntityId,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The one that is the same.")],
    json: AsJson = False,
) -> None:
    """Link two entities that are one, for good."""
    from serve_app.commands import entities as commands
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    with connect(context.obj) as client:
        commands.join_entities(client, Output(as_json=json), id, other)
