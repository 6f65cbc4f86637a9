"""Prints ``docs/configuration.md``, made from the settings: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from actors.settings import Settings

_HEAD = """\
# Configuration

Every setting has a default that works. The environment overrides it, no file is needed:
`HEADRACE_POSTGRES__POOL_MAX_SIZE=20 headrace up`. A value that makes no sense stops the start and
names its variable. This page is made from the settings by `make docs`, and a
test fails when the two differ.
"""

_COLUMNS = "| Variable | Default | What it is |\n|---|---|---|"


def settings_page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *_sections()])


def undescribed() -> list[str]:
    """Variables that lack a description."""
    return [name for _, fields in _groups() for name, field in fields if not field.description]


def _sections() -> Iterator[str]:
    for title, fields in _groups():
        yield f"## {title}\n\n{_COLUMNS}"
        for name, field in fields:
            description = (field.description or "").replace("``", "`").replace("|", "\\|")
            yield f"| `{name}` | {_default(field)} | {description} |"
        yield ""


def _groups() -> Iterator[tuple[str, list[tuple[str, FieldInfo]]]]:
    """The plain settings first, then one group after the other."""
    yield from _groups_of(Settings, "General", "HEADRACE_")


def _groups_of(
    model: type[BaseModel], title: str, prefix: str
) -> Iterator[tuple[str, list[tuple[str, FieldInfo]]]]:
    """The model's own settings, then those of the groups in it."""
    fields = [(f"{prefix}{name.upper()}", field) for name, field in model.model_fields.items()]
    yield title, [(variable, field) for variable, field in fields if _group_of(field) is None]
    for variable, field in fields:
        group = _group_of(field)
        if group is not None:
            heading = (group.__doc__ or variable).splitlines()[0].split(".")[0]
            yield from _groups_of(group, heading, f"{variable}__")


def _group_of(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value in (None, ""):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    return f"`{value}`"


if __name__ == "__main__":
    print(settings_page(), end="")
