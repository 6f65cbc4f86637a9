"""Modules as their authors would bring them: small parsers, and wheels with code in them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from domain.models.modules import Check, ModuleKey, ModuleKind, NewModule

SLACK_MODULE = """
from dataclasses import replace

from domain.models.records import Record
from domain.parsers.slack import SlackParser


class Parser(SlackParser):
    version = {version!r}

    def read(self, file, part, context):
        for item in super().read(file, part, context):
            is_record = isinstance(item, Record)
            yield replace(item, metadata={{**item.metadata, "swapped": 1}}) if is_record else item
"""

NOTES_MODULE = """
from domain.models.files import Slice
from domain.models.records import ContentType, DroppedItem, Place, Record
from domain.parsers.streaming import StreamingParser


class Parser(StreamingParser):
    name = "notes"
    version = "1.0"

    def accepts(self, file):
        file.seek(0)
        return file.read(6) == b"NOTES\\n"

    def describe(self, file, context):
        return {"format": "notes"}

    def plan(self, file, context, *, slice_bytes):
        yield Slice(0, 0, file.seek(0, 2))

    def read(self, file, part, context):
        file.seek(0)
        start = 0
        for line in file.read().splitlines(keepends=True):
            place = Place(start, start + len(line))
            start += len(line)
            if place.start == 0:
                yield DroppedItem("heading", place)
                continue
            yield Record(
                source_type=context.source_type,
                native_id=f"{context.sha256}:{place}",
                content_type=ContentType.RECORD,
                content=line.decode().strip(),
                place=place,
            )
"""
"""Reads files that begin with a line ``NOTES``: one record for each further line."""

NOTES = b"NOTES\nbuy milk\ncall Ada\nwater the plants\n"


def slack_wheel(directory: Path, *, version: str = "2.0", package: str = "acme_slack") -> Path:
    """A wheel with a Slack parser of another version."""
    return a_wheel(directory, SLACK_MODULE.format(version=version), version, package=package)


def a_wheel(
    directory: Path,
    code: str,
    version: str = "1.0",
    *,
    package: str = "acme_notes",
    entry_points: str | None = "[headrace.parsers]\nit = {package}:Parser\n",
) -> Path:
    """A wheel with one package, whose ``__init__`` is ``code``."""
    about = f"{package}-{version}.dist-info"
    members = {
        f"{package}/__init__.py": code,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if entry_points:
        members[f"{about}/entry_points.txt"] = entry_points.format(package=package)
    record = "".join(f"{name},,\n" for name in [*members, f"{about}/RECORD"])
    path = directory / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, f"{about}/RECORD": record}.items():
            archive.writestr(name, content)
    return path


def a_module(
    name: str = "slack",
    version: str = "2.0",
    *,
    kind: ModuleKind = ModuleKind.PARSER,
    ok: bool = True,
    sha256: str | None = None,
) -> NewModule:
    """A module that was tested, with success unless said otherwise."""
    return NewModule(
        key=ModuleKey(kind, name, version),
        locator="acme:Parser",
        checks=[Check("read", ok, "" if ok else "it loses records")],
        sha256=sha256,
        wheel="acme.whl" if sha256 else None,
    )
