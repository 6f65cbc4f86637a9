"""Which parsers there are at one moment: the built-in ones, and modules in front of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from domain.errors import FatalImportError, UnreadableFileError
from domain.parsers.detection import PARSERS, detect
from domain.parsers.form_detection import GONG, SALESFORCE
from domain.parsers.forms import HEAD_BYTES
from domain.parsers.slack import SlackParser
from domain.ports.parser import Parser

GENERIC = frozenset(PARSERS) - {SlackParser.name, SALESFORCE.name, GONG.name}
"""Parsers of a format, whatever system wrote it; they are asked last."""


@dataclass(frozen=True, slots=True)
class ParserRegistry:
    """A value: whoever works with one sees no change until the work is done.

    ``modules`` are those in use, by name. One whose name is built in stands in front of the
    built-in, which still reads what the module does not accept. ``disabled`` names are read by
    nobody.
    """

    built_in: Mapping[str, Parser] = field(default_factory=lambda: PARSERS)
    modules: Mapping[str, Parser] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()

    def detect(self, file: BinaryIO, filename: str, *, source: str | None = None) -> Parser:
        """The parser that reads a seekable file, judged by its content; see ``detection.detect``.

        Modules that stand in for a special parser are asked first, then the special parsers, then
        modules with names of their own, then whatever reads anything.

        Raises:
            UnreadableFileError: no parser reads it, or only one that is disabled.
        """
        if source in self.built_in:
            return self._built_in(file, filename, source)
        if source is not None and source in self.disabled:
            raise _disabled(source)
        if source is not None and source in self.modules:
            return self.modules[source]
        return (
            self._accepting(file, self._substitutes)
            or self._before_the_generic(file, filename, source)
            or self._built_in(file, filename, source)
        )

    def of_label(self, label: str) -> Parser | None:
        """The parser that calls itself ``name/version``, if it is in use here."""
        for parsers in (self.built_in, self.modules):
            parser = parsers.get(label.partition("/")[0])
            if parser is not None and label_of(parser) == label:
                return parser
        return None

    @property
    def _substitutes(self) -> Mapping[str, Parser]:
        special = self.built_in.keys() - GENERIC
        return {name: self.modules[name] for name in sorted(self.modules.keys() & special)}

    @property
    def _additions(self) -> Mapping[str, Parser]:
        own = self.modules.keys() - self.built_in.keys()
        return {name: self.modules[name] for name in sorted(own)}

    def _accepting(self, file: BinaryIO, parsers: Mapping[str, Parser]) -> Parser | None:
        return next((parser for parser in parsers.values() if accepts(parser, file)), None)

    def _before_the_generic(
        self, file: BinaryIO, filename: str, source: str | None
    ) -> Parser | None:
        """A module with a name of its own, unless a special parser claims the file."""
        additions = self._additions
        if not additions:
            return None
        # What no built-in reads, a module may; if none does either, the error comes again.
        with suppress(UnreadableFileError):
            if detect(file, filename, source=source).name not in GENERIC:
                return None
        return self._accepting(file, additions)

    def _built_in(self, file: BinaryIO, filename: str, source: str | None) -> Parser:
        """The built-in that reads the file, or the module in front of it."""
        found = detect(file, filename, source=source)
        module = self.modules.get(found.name)
        if module is not None and accepts(module, file):
            return module
        return self._if_enabled(found)

    def _if_enabled(self, parser: Parser) -> Parser:
        if parser.name in self.disabled:
            raise _disabled(parser.name)
        return parser


class ParserSource(Protocol):
    """Where a process gets its parsers from."""

    async def current(self) -> ParserRegistry:
        """The registry of now; ask once for each file.

        Raises:
            ModuleUnavailableError: a module in use cannot be loaded here.
        """
        ...

    async def of_label(self, label: str) -> Parser:
        """The very version that calls itself ``name/version``, in use or not.

        Raises:
            FatalImportError: it is not there any more.
            ModuleUnavailableError: it is known, and cannot be loaded here.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedParsers:
    """A registry that never changes: the built-in parsers, unless another is given."""

    registry: ParserRegistry = ParserRegistry()

    async def current(self) -> ParserRegistry:
        return self.registry

    async def of_label(self, label: str) -> Parser:
        parser = self.registry.of_label(label)
        if parser is None:
            raise gone(label)
        return parser


def label_of(parser: Parser) -> str:
    """How files and records name the parser that read them."""
    return f"{parser.name}/{parser.version}"


def gone(label: str) -> FatalImportError:
    """The error of a file whose parser has left."""
    return FatalImportError(
        f"the parser {label or 'of this file'} with which reading began is not there any more; "
        "replay the file to read it with the present one",
        parser=label,
    )


def accepts(parser: Parser, file: BinaryIO) -> bool:
    """Whether a module says that it reads the file; one that breaks over the question does not."""
    asked = getattr(parser, "accepts", None)
    file.seek(0)
    try:
        if asked is not None:
            return bool(asked(file))
        return bool(asyncio.run(parser.validate(file.read(HEAD_BYTES))))
    except Exception:
        return False


def _disabled(name: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"the {name} parser reads this file and is disabled: activate it "
        f"('headrace modules rollback {name}'), then replay the file",
        parser=name,
    )
