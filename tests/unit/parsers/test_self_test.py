"""The self-test passes sound parsers, and names what is wrong with others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from domain.models.modules import Check, NewModule
from domain.parsers.csv import CsvParser
from domain.parsers.detection import PARSERS
from domain.parsers.forms import Head, Site
from domain.parsers.self_test import Sample, test_parser
from tests.builders import slack_export, slack_message
from tests.module_builders import a_module

# pytest would take the function for a test of ours.
self_test = test_parser
del test_parser

TABLE = Sample(
    "t.csv", b"id,text\n" + b"".join(b"%d,hello number %d\n" % (n, n) for n in range(60))
)
EXPORT = Sample(
    "x.zip",
    slack_export({f"general/2026-01-{day:02}": [slack_message(f"m{day}")] for day in range(1, 9)}),
)


class Named(CsvParser):
    """A table parser that noise cannot fool, as a module with a name of its own."""

    name = "acme"
    version = "1.0"

    def accepts(self, file: Any) -> bool:
        file.seek(0)
        return bool(file.read(8) == b"id,text\n")


class Misnamed(Named):
    name = "No Name"


class Greedy(Named):
    def accepts(self, file: Any) -> bool:
        return True


class Refusing(Named):
    def accepts(self, file: Any) -> bool:
        return False


class Restless(Named):
    """Plans otherwise on every call."""

    _calls = count()

    def layout(self, head: Head, site: Site) -> dict[str, Any]:
        return {**super().layout(head, site), "call": next(self._calls)}


class Gapped(Named):
    def plan(self, file: Any, context: Any, *, slice_bytes: int) -> Iterator[Any]:
        for part in super().plan(file, context, slice_bytes=slice_bytes):
            yield replace(part, end=part.end - 1)


class Misnumbered(Named):
    def plan(self, file: Any, context: Any, *, slice_bytes: int) -> Iterator[Any]:
        for part in super().plan(file, context, slice_bytes=slice_bytes):
            yield replace(part, number=part.number + 1)


class Losing(Named):
    """Loses the last record of every slice."""

    def read(self, file: Any, part: Any, context: Any) -> Iterator[Any]:
        yield from list(super().read(file, part, context))[:-1]


class Shifting(Named):
    """Says something else in every slice but the first."""

    def read(self, file: Any, part: Any, context: Any) -> Iterator[Any]:
        for item in super().read(file, part, context):
            yield replace(item, title=f"in {part.number}")


class Wavering(Named):
    _calls = count()

    def read(self, file: Any, part: Any, context: Any) -> Iterator[Any]:
        for item in super().read(file, part, context):
            yield replace(item, title=f"call {next(self._calls)}")


class Foreign(Named):
    def read(self, file: Any, part: Any, context: Any) -> Iterator[Any]:
        yield {"text": "no record"}  # type: ignore[misc]


class Straying(Named):
    def read(self, file: Any, part: Any, context: Any) -> Iterator[Any]:
        for item in super().read(file, part, context):
            yield replace(item, place=replace(item.place, end=10_000))


class Nameless(Named):
    def read(self, file: Any, part: Any, context: Any) -> Iterator[Any]:
        for item in super().read(file, part, context):
            yield replace(item, native_id="")


class Silent(Named):
    def read(self, file: Any, part: Any, context: Any) -> Iterator[Any]:
        yield from ()


class Crashing(Named):
    def read(self, file: Any, part: Any, context: Any) -> Iterator[Any]:
        raise ZeroDivisionError("as always")
        yield


class Miscounting(Named):
    def _parse(self, content: bytes, metadata: Mapping[str, Any]) -> Any:
        parsed = super()._parse(content, metadata)
        return replace(parsed, items=parsed.items[1:])


class Unbalanced(Named):
    def _parse(self, content: bytes, metadata: Mapping[str, Any]) -> Any:
        parsed = super()._parse(content, metadata)
        return replace(parsed, ledger=replace(parsed.ledger, read=1))


class Blocking(Named):
    def validate(self, file_content: bytes) -> bool:  # type: ignore[override]
        return True


class Half:
    name, version = "half", "1"


def error_of(checks: list[Check]) -> str | None:
    return NewModule(a_module().key, "acme:Parser", checks).error


@pytest.mark.parametrize(
    ("parser", "sample"),
    [(Named(), TABLE), (PARSERS["csv"], TABLE), (PARSERS["slack"], EXPORT)],
    ids=["module", "csv", "slack"],
)
async def test_a_sound_parser_passes(parser: Any, sample: Sample) -> None:
    checks = await self_test(parser, [sample])
    assert error_of(checks) is None
    assert len(checks) == 8


@pytest.mark.parametrize(
    ("parser", "complaint"),
    [
        (Half(), "it has no parse, validate"),
        (Misnamed(), "its name is not"),
        (Blocking(), "validate is no coroutine function"),
        (Greedy(), "it accepts noise"),
        (Refusing(), "the parser does not read this sample"),
        (Restless(), "plan is not the same on every call"),
        (Gapped(), "the slices do not cover the file"),
        (Misnumbered(), "not numbered from 0"),
        (Losing(), "items, whole 59"),
        (Shifting(), "yields other items"),
        (Wavering(), "twice yields different items"),
        (Foreign(), "dict is neither Record"),
        (Straying(), "lies outside of the file"),
        (Nameless(), "has no native id"),
        (Silent(), "yields nothing"),
        (Crashing(), "ZeroDivisionError: as always"),
        (Miscounting(), "parse counts 60 and yields 59 items, read yields 60"),
        (Unbalanced(), "does not balance"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
async def test_a_bad_parser_is_told_what_is_wrong(parser: Any, complaint: str) -> None:
    assert complaint in (error_of(await self_test(parser, [TABLE])) or "")


async def test_a_member_in_two_slices_is_found() -> None:
    class Doubling(type(PARSERS["slack"])):  # type: ignore[misc]
        def plan(self, file: Any, context: Any, *, slice_bytes: int) -> Iterator[Any]:
            parts = list(super().plan(file, context, slice_bytes=slice_bytes))
            yield from [*parts, replace(parts[0], number=len(parts))]

    assert "a member is in two slices" in (error_of(await self_test(Doubling(), [EXPORT])) or "")


async def test_without_samples_nothing_is_proven() -> None:
    assert "--sample" in (error_of(await self_test(Named(), [])) or "")


async def test_a_generic_form_may_take_noise() -> None:
    checks = await self_test(PARSERS["text"], [Sample("a.txt", b"hello there\n")])
    assert error_of(checks) is None


def test_no_checks_at_all_are_no_proof() -> None:
    assert "no self-test has run" in (error_of([]) or "")
