"""Prints ``docs/cli.md``, made from the commands: ``make docs``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

from typer import Typer
from typer.models import ArgumentInfo, OptionInfo

from serve_app.cli import app

_HEAD = """\
# Command line

`.venv/bin/headrace` after set-up. Results go to standard output: tables on a terminal, lines with
tabs in a pipe, JSON alone with `--json`. Progress, notes and errors go to standard error.

Exit status: 0 fine, 1 failed, 2 wrong usage, 3 no service answers.

Commands find the service by `HEADRACE_URL`; else by the data directory (`HEADRACE_DATA_DIR`, or
`.headrace` here); else at `http://127.0.0.1:8000`.

```sh
headrace up
headrace import export.zip crm/ --wait
headrace query "why was the renewal delayed?" --since 2025-09-01 --explain
headrace verify
```

This page is made from the commands by `make docs`, and a test fails when the two differ.
"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a command: ``flag`` is how it is written, ``None`` for an argument."""

    name: str
    flag: str | None
    value: str
    help: str
    default: object


def cli_page() -> str:
    """The whole page as Markdown."""
    lines = [_HEAD]
    lines += _sections(app, "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            lines += _group_itself(group.typer_instance, str(group.name))
            lines += _sections(group.typer_instance, f"{group.name} ")
    return "\n".join(lines)


def _group_itself(commands: Typer, name: str) -> Iterator[str]:
    """A group that does something without a further command."""
    itself = commands.registered_callback
    if itself is not None and itself.callback is not None:
        yield from _section(name, itself.callback)


def _sections(commands: Typer, prefix: str) -> Iterator[str]:
    for command in commands.registered_commands:
        if command.callback is not None:
            name = command.name or command.callback.__name__
            yield from _section(prefix + name, command.callback)


def _section(name: str, callback: Callable[..., object]) -> Iterator[str]:
    parameters = list(_parameters(callback))
    words = ["headrace", name, *(p.value for p in parameters if p.flag is None)]
    yield f"## `{' '.join(words)}`\n\n{inspect.getdoc(callback)}\n"
    yield "| Option | |\n|---|---|"
    for parameter in parameters:
        if parameter.flag is not None:
            spelling = f"{parameter.flag} {parameter.value}".strip().replace("|", "\\|")
            yield f"| `{spelling}` | {_meaning(parameter)} |"
    yield ""


def _parameters(callback: Callable[..., object]) -> Iterator[Parameter]:
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        marks = getattr(hints[name], "__metadata__", ())
        info = marks[0] if marks else None
        if not isinstance(info, OptionInfo | ArgumentInfo):
            continue
        spelling = _declared(info) or "--" + name.replace("_", "-")
        yield Parameter(
            name=name,
            flag=spelling if isinstance(info, OptionInfo) else None,
            value=info.metavar or _value_of(get_args(hints[name])[0], name),
            help=info.help or "",
            default=parameter.default,
        )


def _declared(info: OptionInfo | ArgumentInfo) -> str | None:
    """The first spelling that is given; within ``Annotated`` Typer takes it for the default."""
    given = (info.default, *(info.param_decls or ()))
    return next((one for one in given if isinstance(one, str) and one.startswith("-")), None)


def _value_of(kind: object, name: str) -> str:
    """How the value is shown: choices as such, nothing for a flag, else the parameter's name."""
    choices = [arg for part in (kind, *get_args(kind)) for arg in _choices(part)]
    if choices:
        return "|".join(choices)
    return "" if kind is bool else name.upper()


def _choices(kind: object) -> tuple[str, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _meaning(parameter: Parameter) -> str:
    is_plain = parameter.default in (None, False, "auto", inspect.Parameter.empty)
    default = "" if is_plain else f" Default: `{parameter.default}`."
    return f"{parameter.help}{default}".strip().replace("|", "\\|")


if __name__ == "__main__":
    print(cli_page(), end="")
