"""``headrace reindex``."""

from __future__ import annotations

from typing import Annotated

import typer

from serve_app.cli_options import AsJson


def reindex(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(metavar="BACKEND[:NAME]", help="The settings' when left out."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until the new index is in use.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Only show what indexes there are.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop building.")] = False,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Remove indexes that are not used any more.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Embed everything with another model, while queries are answered as before."""
    from serve_app.commands import maintaining
    from serve_app.commands.connection import connect
    from serve_app.commands.output import Output

    output = Output(as_json=json)
    with connect(context.obj) as client:
        if cancel:
            maintaining.cancel(client, output)
        elif drop_old:
            maintaining.drop_old(client, output)
        elif show:
            maintaining.show_indexes(output, client.indexes())
        else:
            maintaining.reindex(client, output, model=model, wait=wait)
