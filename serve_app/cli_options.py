"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Where everything is kept; HEADRACE_DATA_DIR or ./.headrace.")
]
FileId = Annotated[str, typer.Argument(metavar="ID", help="As 'headrace files' shows it.")]
ModuleName = Annotated[str, typer.Argument(metavar="NAME", help="As 'modules list' shows it.")]
Kind = Annotated[Literal["parser", "storage"], typer.Option(help="What the module is.")]
Column = Annotated[str | None, typer.Option(metavar="NAME", help="For tables and JSON.")]
