"""What a parser has to show on samples before it may read what matters."""

from __future__ import annotations

import inspect
import io
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from domain.models.files import ImportOptions, Slice
from domain.models.modules import Check
from domain.models.records import DroppedItem, ParsedItem, Record, RejectedItem
from domain.parsers.registry import GENERIC
from domain.ports.parser import ParseContext, Parser

NAME = re.compile(r"[a-z0-9_-]{1,50}\Z")
_METHODS = ("parse", "validate", "extract_metadata", "describe", "plan", "read")
_FOREIGN = (b"", b"\x00\xff\x01\xfe" * 64)


@dataclass(frozen=True, slots=True)
class Sample:
    """A small file of the kind that the parser is for."""

    filename: str
    content: bytes


class Failed(Exception):
    """What a check found wrong, as a sentence."""


async def test_parser(parser: Parser, samples: Sequence[Sample]) -> list[Check]:
    """Check the interface, and for each sample the laws of ``domain.ports.parser``.

    Nothing that the parser raises leaves this function. Without samples nothing is proven, and
    that is a failed check.
    """
    checks = [await checked("interface", lambda: _interface(parser))]
    if not checks[0].ok:
        return checks
    checks.append(await checked("foreign bytes", lambda: _foreign(parser)))
    if not samples:
        checks.append(Check("samples", False, "none was given: add one with --sample FILE"))
    for sample in samples:
        checks += await _on_sample(parser, sample)
    return checks


async def checked(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    """The check's outcome, whatever it raises."""
    try:
        return Check(name, True, await look())
    except Failed as failed:
        return Check(name, False, str(failed))
    except Exception as error:
        return Check(name, False, f"{type(error).__name__}: {error}")


async def _on_sample(parser: Parser, sample: Sample) -> list[Check]:
    looks: tuple[tuple[str, Callable[[Parser, Sample], Awaitable[str]]], ...] = (
        ("validate", _validate),
        ("describe", _describe),
        ("plan", _plan),
        ("read", _read),
        ("slicing", _slicing),
        ("ledger", _ledger),
    )
    checks = []
    for name, look in looks:
        title = f"{name} {sample.filename}"
        checks.append(await checked(title, lambda look=look: look(parser, sample)))  # type: ignore[misc]
        if not checks[-1].ok:
            break
    return checks


async def _interface(parser: Parser) -> str:
    missing = [name for name in _METHODS if not callable(getattr(parser, name, None))]
    _require(not missing, f"it has no {', '.join(missing)}; see domain/ports/parser.py")
    is_named = isinstance(parser.name, str) and NAME.match(parser.name)
    _require(bool(is_named), "its name is not 1 to 50 of a-z, 0-9, '_' and '-'")
    for name in _METHODS[:3]:
        _require(
            inspect.iscoroutinefunction(getattr(parser, name)),
            f"{name} is no coroutine function; write 'async def {name}'",
        )
    return f"{parser.name}/{parser.version}"


async def _foreign(parser: Parser) -> str:
    """Detection asks about every file there is, so the answer must come without an error."""
    answers = [await parser.validate(content) for content in _FOREIGN]
    if parser.name in GENERIC:
        return "endured"
    _require(not any(answers), "it accepts noise or an empty file, so it would take every file")
    return "refused"


async def _validate(parser: Parser, sample: Sample) -> str:
    answer = await parser.validate(sample.content)
    _require(answer is True, f"validate answered {answer!r}; the parser does not read this sample")
    return "accepted"


async def _describe(parser: Parser, sample: Sample) -> str:
    context = _context(parser, sample)
    described = parser.describe(io.BytesIO(sample.content), context)
    _require(isinstance(described, dict), "describe returned no dict")
    json.dumps(described)
    extracted = await parser.extract_metadata(sample.content)
    _require(isinstance(extracted, dict), "extract_metadata returned no dict")
    return f"{len(described)} facts"


async def _plan(parser: Parser, sample: Sample) -> str:
    for slice_bytes in _cuttings(sample):
        plan = _planned(parser, sample, slice_bytes)
        again = _planned(parser, sample, slice_bytes)
        _require(plan == again, "plan is not the same on every call")
        _require(
            [part.number for part in plan] == list(range(len(plan))),
            "slices are not numbered from 0 in order",
        )
        _require_cover(plan, len(sample.content))
    return f"{len(plan)} slices at the finest"


async def _read(parser: Parser, sample: Sample) -> str:
    items = _items(parser, sample, len(sample.content) + 1)
    _require(bool(items), "reading the sample yields nothing")
    for item in items:
        _require_sound(item, sample)
    again = _items(parser, sample, len(sample.content) + 1)
    _require(items == again, "reading the sample twice yields different items")
    return _counted(items)


async def _slicing(parser: Parser, sample: Sample) -> str:
    whole = _items(parser, sample, len(sample.content) + 1)
    for slice_bytes in _cuttings(sample):
        cut = _items(parser, sample, slice_bytes)
        _require(
            len(cut) == len(whole),
            f"cut at {slice_bytes} bytes the sample yields {len(cut)} items, whole {len(whole)}",
        )
        _require(cut == whole, f"cut at {slice_bytes} bytes the sample yields other items")
    return f"{len(whole)} items in every cutting"


async def _ledger(parser: Parser, sample: Sample) -> str:
    items = _items(parser, sample, len(sample.content) + 1)
    parsed = await parser.parse(sample.content, {"filename": sample.filename})
    _require(parsed.ledger.balances, "the ledger of parse does not balance")
    counted = (parsed.ledger.read, len(parsed.items))
    _require(
        counted == (len(items), len(items)),
        f"parse counts {counted[0]} and yields {counted[1]} items, read yields {len(items)}",
    )
    return f"{parsed.ledger.read} read"


def _context(parser: Parser, sample: Sample) -> ParseContext:
    digest = sha256(sample.content).hexdigest()
    return ParseContext(sample.filename, parser.name, digest, ImportOptions())


def _cuttings(sample: Sample) -> tuple[int, ...]:
    size = len(sample.content)
    return (size + 1, size // 2 + 1, size // 7 + 1, 1)


def _planned(parser: Parser, sample: Sample, slice_bytes: int) -> list[Slice]:
    context = _context(parser, sample)
    file = io.BytesIO(sample.content)
    return [
        _as_stored(part) for part in parser.plan(file, context, slice_bytes=max(1, slice_bytes))
    ]


def _as_stored(part: Slice) -> Slice:
    """The slice as it comes back out of the store, where its context is JSON."""
    context: dict[str, Any] = json.loads(json.dumps(dict(part.context)))
    return Slice(part.number, part.start, part.end, part.members, part.size_bytes, context)


def _items(parser: Parser, sample: Sample, slice_bytes: int) -> list[ParsedItem]:
    context = _context(parser, sample)
    return [
        item
        for part in _planned(parser, sample, slice_bytes)
        # A slice may be read in another process: nothing may be left over from the one before.
        for item in parser.read(io.BytesIO(sample.content), part, context)
    ]


def _require_cover(plan: Sequence[Slice], size: int) -> None:
    """Slices by offset follow on each other from the first byte to the last; members come once."""
    members = [member for part in plan for member in part.members]
    if members:
        _require(len(members) == len(set(members)), "a member is in two slices")
        return
    borders = [0, *(part.end for part in plan)]
    starts = [part.start for part in plan]
    _require(
        starts == borders[:-1] and borders[-1] == size,
        "the slices do not cover the file from its first byte to its last, each byte once",
    )


def _require_sound(item: ParsedItem, sample: Sample) -> None:
    _require(
        type(item) in (Record, DroppedItem, RejectedItem),
        f"{type(item).__name__} is neither Record nor DroppedItem nor RejectedItem",
    )
    place = item.place
    _require(0 <= place.start <= place.end, f"{place} is no place")
    is_inside = place.member is not None or place.end <= len(sample.content)
    _require(is_inside, f"{place} lies outside of the file")
    if isinstance(item, Record):
        _require(bool(item.native_id), f"the record at {place} has no native id")
        _require(isinstance(item.content, str), f"the content at {place} is no text")
        item.content_hash()


def _counted(items: Sequence[ParsedItem]) -> str:
    kept, dropped = (
        sum(isinstance(item, kind) for item in items) for kind in (Record, DroppedItem)
    )
    return f"{kept} records, {dropped} dropped, {len(items) - kept - dropped} rejected"


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Failed(otherwise)
