"""Options and arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Where everything is kept; HEADRACE_DATA_DIR or ./.headrace.")
]
FileId = Annotated[str, typer.Argument(metavar="ID", help="As 'headrace files' shows it.")]
Column = Annotated[str | None, typer.Option(metavar="NAME", help="For tables and JSON.")]
