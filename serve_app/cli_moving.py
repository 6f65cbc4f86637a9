"""``headrace backup``, ``restore`` and ``migrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from serve_app.cli_options import AsJson, DataDir

StartOver = Annotated[
    bool, typer.Option("--start-over", help="Empty what an interrupted run has half filled.")
]


def backup(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new or empty directory.", file_okay=False)
    ],
    data_dir: DataDir = None,
    json: AsJson = False,
) -> None:
    """Back everything up, also while files are imported.

    Works on the stores themselves, on the machine of the data directory; the service may run.
    """
    from serve_app.commands import moving
    from serve_app.commands.output import Output

    moving.backup(directory, Output(as_json=json), data_dir=data_dir)


def restore(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="What 'backup' has written.", file_okay=False)
    ],
    data_dir: DataDir = None,
    start_over: StartOver = False,
    json: AsJson = False,
) -> None:
    """Bring a backup into empty stores and verify them; the service must not run.

    Run again after an interruption, it goes on where it was.
    """
    from serve_app.commands import moving
    from serve_app.commands.output import Output

    output = Output(as_json=json)
    moving.restore(directory, output, data_dir=data_dir, start_over=start_over)


def migrate(
    source: Annotated[
        Literal["embedded", "cluster"], typer.Option("--from", help="Profile to move from.")
    ],
    target: Annotated[
        Literal["embedded", "cluster"], typer.Option("--to", help="Profile to move to.")
    ],
    from_env: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            metavar="FILE",
            help="The source's settings as lines HEADRACE_…=…; the environment when left out.",
        ),
    ] = None,
    to_env: Annotated[
        Path | None,
        typer.Option(exists=True, metavar="FILE", help="The same for the target."),
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The source's data directory.")] = None,
    start_over: StartOver = False,
    json: AsJson = False,
) -> None:
    """Move everything to other stores and verify them; no service may run on either.

    The source is only read. Run again after an interruption, it goes on where it was.
    """
    from actors.settings import Profile
    from serve_app.commands import moving
    from serve_app.commands.output import Output

    moving.migrate(
        moving.Side(Profile(source), from_env),
        moving.Side(Profile(target), to_env),
        Output(as_json=json),
        data_dir=data_dir,
        start_over=start_over,
    )
