"""``modules list|activate|rollback|disable`` and ``reparse``."""

from __future__ import annotations

from serve_app.client import HeadraceClient
from serve_app.commands.output import Output


def list_modules(client: HeadraceClient, output: Output) -> None:
    """Every module, the built-in parsers first."""
    answer = client.modules()
    if output.as_json:
        output.json(answer)
        return
    rows = [
        (
            module["kind"],
            module["name"],
            module["version"],
            module["state"],
            "built in" if module["is_built_in"] else module["wheel"] or module["locator"],
            module["error"] or "",
        )
        for module in answer["modules"]
    ]
    output.table(("kind", "name", "version", "state", "from", "error"), rows)


def change_module(
    client: HeadraceClient, output: Output, kind: str, name: str, step: str, **fields: str
) -> None:
    """Activate, roll back or disable; prints what is in use now."""
    activation = client.change_module(kind, name, step, **fields)
    if output.as_json:
        output.json(activation)
        return
    present = activation["version"] or ("nothing" if activation["is_disabled"] else "the built-in")
    output.line(f"{kind} {name}: {present} is used for new work")


def reparse(client: HeadraceClient, output: Output, *, parser: str, below: str) -> None:
    """Replay what older versions have read."""
    answer = client.reparse(parser, below)
    if output.as_json:
        output.json(answer)
        return
    for file_id in answer["files"]:
        output.line(file_id)
    output.note(f"{len(answer['files'])} files are read again; see: headrace files")
    if answer["busy"]:
        output.note(f"{len(answer['busy'])} were not finished: ask again later")
