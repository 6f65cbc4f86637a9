"""Where modules lie on disk.

::

    modules/wheels/ab12…/acme-2.0-py3-none-any.whl   as it was brought, by its SHA-256
    modules/parser/slack-2.0-ab12…/                  unpacked; made anew from the wheel if gone
    modules/incoming/…                               on the way; nothing refers to it
"""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from actors.modules.loading import refuse_known_names
from domain.errors import InvalidModuleError, ModuleUnavailableError
from domain.models.modules import Module, ModuleKey, ModuleKind

PIP_SECONDS = 120
ENTRY_POINTS = {
    ModuleKind.PARSER: "headrace.parsers",
    ModuleKind.STORAGE: "headrace.storages",
}
"""Groups in which a wheel may name its classes."""


class ModuleFiles:
    """The modules' part of a data directory. Every method blocks."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """A directory for what is on its way, removed afterwards."""
        place = self._directory / "incoming"
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place) as name:
            yield Path(name)

    def keep_wheel(self, wheel: Path) -> str:
        """Copy the wheel to where it stays; returns its SHA-256.

        Raises:
            InvalidModuleError: no such file, or its name is no wheel's.
        """
        if wheel.suffix != ".whl" or not wheel.is_file():
            raise InvalidModuleError(f"{wheel.name} is no wheel: bring a file that ends in .whl")
        with wheel.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
        kept = self._wheel(sha256, wheel.name)
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            fresh = kept.with_suffix(".new")
            shutil.copyfile(wheel, fresh)
            fresh.replace(kept)
        return sha256

    def unpack(self, sha256: str, wheel: str, to: Path) -> None:
        """Unpack a kept wheel into an empty directory, without its dependencies or any index.

        Raises:
            InvalidModuleError: pip does not take it, or it hides a package that is installed.
        """
        command = (sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check")
        options = ("install", "--quiet", "--no-deps", "--no-index", "--target", str(to))
        result = subprocess.run(
            (*command, *options, str(self._wheel(sha256, wheel))),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PIP_SECONDS,
            check=False,
        )
        if result.returncode:
            said = (result.stdout.strip().splitlines() or ["no reason given"])[-1]
            raise InvalidModuleError(f"pip cannot unpack {wheel}: {said}", wheel=wheel)
        refuse_known_names(to)

    def settle(self, unpacked: Path, key: ModuleKey, sha256: str) -> None:
        """Move an unpacked wheel to where the module is loaded from."""
        place = self._place(key, sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            unpacked.replace(place)

    def directory_of(self, module: Module) -> Path | None:
        """Where the module's code lies; ``None`` for one that is installed beside the service.

        A directory that is gone is made anew from the wheel.

        Raises:
            ModuleUnavailableError: the wheel is gone or damaged, too.
        """
        if module.sha256 is None or module.wheel is None:
            return None
        place = self._place(module.key, module.sha256)
        if not place.exists():
            self._restore(module, module.sha256, module.wheel)
        return place

    def _restore(self, module: Module, sha256: str, wheel: str) -> None:
        try:
            with self._wheel(sha256, wheel).open("rb") as file:
                is_whole = file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            is_whole = False
        if not is_whole:
            raise ModuleUnavailableError(
                f"the wheel of {module.key.label} is gone or damaged: add the module again, "
                f"or 'headrace modules rollback {module.key.name}'"
            )
        with self.incoming() as incoming:
            self.unpack(sha256, wheel, incoming / "code")
            self.settle(incoming / "code", module.key, sha256)

    def _wheel(self, sha256: str, name: str) -> Path:
        return self._directory / "wheels" / sha256 / name

    def _place(self, key: ModuleKey, sha256: str) -> Path:
        return self._directory / key.kind / f"{key.name}-{key.version}-{sha256[:12]}"


def named_class(unpacked: Path, kind: ModuleKind) -> str:
    """The class that the wheel's entry points name for the kind.

    Raises:
        InvalidModuleError: they name none, or several.
    """
    group = ENTRY_POINTS[kind]
    found: list[str] = []
    for file in unpacked.glob("*.dist-info/entry_points.txt"):
        entries = configparser.ConfigParser(delimiters=("=",))
        entries.read_string(file.read_text("utf-8"))
        if entries.has_section(group):
            found += [locator.strip() for _, locator in entries.items(group)]
    if len(found) != 1:
        raise InvalidModuleError(
            f"the wheel names {len(found) or 'no'} classes under the entry points {group!r}: "
            "say which one with --locator package.module:ClassName"
        )
    return found[0]
