"""Making a module's object out of its locator, ``package.module:ClassName``.

Two versions of one package cannot share the interpreter's table of modules. So what a wheel brings
is imported from its own directory and then taken out of the table again; the classes keep it
alive. It follows that such code imports at the top of its files, not inside of functions.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from domain.errors import InvalidModuleError

_IMPORTING = threading.Lock()
_NO_PACKAGES = {"bin", "__pycache__"}


def load_object(locator: str, directory: Path | None) -> Any:
    """An instance of the class, from a wheel's unpacked directory or from what is installed.

    Raises:
        InvalidModuleError: there is no such class, or it does not want to be made.
    """
    module_name, colon, class_name = locator.partition(":")
    if not (module_name and colon and class_name.isidentifier()):
        raise InvalidModuleError(f"{locator!r} names no class; write package.module:ClassName")
    try:
        if directory is None:
            return getattr(importlib.import_module(module_name), class_name)()
        with _IMPORTING, _apart(directory):
            return getattr(importlib.import_module(module_name), class_name)()
    except Exception as error:
        raise InvalidModuleError(
            f"{locator} cannot be loaded: {type(error).__name__}: {error}", locator=locator
        ) from error


def packages_in(directory: Path) -> list[str]:
    """The names that the directory's code can be imported by."""
    found = {
        path.stem
        for path in directory.iterdir()
        if (path.is_dir() and path.suffix == "") or path.suffix in {".py", ".so"}
    }
    return sorted(name for name in found - _NO_PACKAGES if name.isidentifier())


def refuse_known_names(directory: Path) -> None:
    """A wheel must not take the place of ours, or of a library's, while it is imported.

    Raises:
        InvalidModuleError: one of its packages is importable without it.
    """
    for name in packages_in(directory):
        if name in sys.modules or find_spec(name) is not None:
            raise InvalidModuleError(
                f"the wheel brings a package {name!r}, which is installed already; rename it"
            )


@contextmanager
def _apart(directory: Path) -> Iterator[None]:
    """Import from the directory first, and leave nothing of it in the interpreter's table."""
    names = packages_in(directory)
    _forget(names)
    sys.path.insert(0, str(directory))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(directory))
        _forget(names)


def _forget(names: list[str]) -> None:
    for loaded in [key for key in sys.modules if key.partition(".")[0] in names]:
        del sys.modules[loaded]
