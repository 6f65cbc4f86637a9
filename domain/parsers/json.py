"""JSON: objects, arrays, wrapped arrays, one value per line, and values one after another."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.records import JsonValue, ParsedItem, Place, RejectedItem
from domain.parsers.column_rules import ColumnRules, choose_columns, columns_of
from domain.parsers.encodings import TextEncoding, byte_lines, detect_encoding
from domain.parsers.forms import (
    BLOCK_BYTES,
    IS_LAST,
    MAX_RECORD_BYTES,
    ByteStream,
    Cut,
    Form,
    Head,
    Rejoined,
    Site,
    raw_start,
    read_fully,
)
from domain.parsers.generic import RecordBuilder
from domain.parsers.json_scan import Element, ElementReader, element_borders
from domain.parsers.json_shapes import (
    FoundShape,
    Shape,
    find_shape,
    is_page,
    is_wrapper,
    parts_of,
)
from domain.parsers.json_values import JsonError, value_parser

LIST = "_list"
"""Metadata key that names the list, of several in one object, from which a record was taken."""

_MAX_COLUMNS_SHOWN = 1000
_OVERRIDES = "text_columns, title_column, timestamp_column and id_column choose otherwise"


class JsonParser(Form):
    """Reads any JSON; a record is a line, an array's element, or a value of its own.

    A wrapper (a page of an API, an export with several lists) is opened: each object in its lists
    is a record, other nested values and long texts become records by themselves, and its scalars
    are the file's metadata as far as the first MiB shows them.
    """

    name = "json"
    version = "1"

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        encoding = detect_encoding(head.content)
        content = head.content[encoding.bom_bytes :]
        if encoding.name != "utf-8":
            content = (
                codecs.getincrementaldecoder(encoding.name)("replace").decode(content).encode()
            )
        found = find_shape(content, is_whole=head.is_whole)
        if found is None:
            raise UnreadableFileError("the file is no JSON; export it again as JSON or CSV")
        columns, rules = _columns(found, site)
        return {
            "format": self.name,
            "encoding": encoding.name,
            "bom_bytes": encoding.bom_bytes,
            "shape": found.shape.value,
            "array_start": found.array_start,
            "path": list(found.path),
            "wrapper": dict(found.wrapper),
            "columns": columns,
            "column_rules": rules.to_json(),
            "overrides": _OVERRIDES,
        }

    def cuts(
        self, file: BinaryIO, layout: Mapping[str, JsonValue], *, slice_bytes: int
    ) -> Iterator[Cut]:
        shape = Shape(layout["shape"])
        if layout["encoding"].startswith("utf-") and layout["encoding"] != "utf-8":
            return
        if shape is Shape.LINES:
            yield from _cuts_at_lines(file, slice_bytes)
        elif shape is not Shape.VALUE:
            start = layout["bom_bytes"] + layout["array_start"]
            target = start + slice_bytes
            for border in element_borders(file, start, in_array=shape is Shape.ARRAY):
                if border >= target:
                    yield Cut(border, {})
                    target = border + slice_bytes

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        is_first = start == 0
        if is_first:
            start = len(read_fully(stream, layout["bom_bytes"]))
        reading = self._reading(layout, site)
        if reading.is_wide:
            stream = _Transcoded(stream, layout["encoding"])
        match Shape(layout["shape"]):
            case Shape.LINES:
                yield from reading.lines(stream, start)
            case Shape.ARRAY:
                yield from reading.array(stream, start, is_first=is_first)
            case Shape.CONCATENATED:
                reader = ElementReader(stream, start=start, in_array=False)
                for element in reader.elements(is_last=layout.get(IS_LAST, True)):
                    yield from reading.items_of(element)
            case Shape.VALUE:
                raw = read_fully(stream, MAX_RECORD_BYTES)
                yield from reading.only_value(Element(raw, start, start + len(raw)))

    def _reading(self, layout: Mapping[str, JsonValue], site: Site) -> JsonReading:
        return JsonReading(layout, site)


class JsonReading:
    """What all items of one stream share.

    A source's own reading overrides what is made of a value (``made_of``), of a file's only
    value (``made_of_only``), and of what stands around a streamed array (``made_around``).
    """

    def __init__(self, layout: Mapping[str, JsonValue], site: Site) -> None:
        encoding = layout["encoding"]
        self.is_wide = encoding.startswith(("utf-16", "utf-32"))
        self._layout = layout
        self._site = site
        self._parse = value_parser("utf-8" if self.is_wide else encoding)
        self._builder = RecordBuilder(ColumnRules.from_json(layout["column_rules"]), site)
        self._ordinal = 0

    def lines(self, stream: ByteStream, start: int) -> Iterator[ParsedItem]:
        number = self._layout.get("first_line", 1)
        for line in byte_lines(stream, "utf-8", max_bytes=MAX_RECORD_BYTES):
            end = start + len(line)
            raw = line.strip()
            if end - start > MAX_RECORD_BYTES:
                yield self._rejected(Element(line, start, end, "it is too long"), number)
            elif raw:
                yield from self.items_of(Element(raw, start, end), number)
            number += line.endswith(b"\n")
            start = end

    def array(self, stream: ByteStream, start: int, *, is_first: bool) -> Iterator[ParsedItem]:
        path = self._layout["path"]
        if is_first:
            before = read_fully(stream, self._layout["array_start"])
            if path:
                whole = before + b"]" + b"}" * len(path)
                yield from self.around(Element(whole, start, start + len(before)), path)
            start += len(before)
        reader = ElementReader(stream, start=start, in_array=True)
        is_last = self._layout.get(IS_LAST, True)
        name = ".".join(path)
        for element in reader.elements(is_first=is_first, is_last=is_last):
            yield from self.items_of(element, name=name)
        if reader.rest.strip():
            end = reader.rest_start + len(reader.rest)
            rest = Element(reader.rest, reader.rest_start, end)
            yield from self._after_array(rest, stream, path)

    def _after_array(
        self, rest: Element, stream: ByteStream, path: Sequence[str]
    ) -> Iterator[ParsedItem]:
        """The end of the object around the array, and the values that may follow it."""
        if not path:
            yield self._rejected(replace(rest, error="the array has ended before it"))
            return
        opened = b'{"_":' * (len(path) - 1) + b'{"_":0'
        whole = Rejoined(opened + rest.raw, stream)
        reader = ElementReader(whole, start=rest.start - len(opened), in_array=False)
        for element in reader.elements():
            if element.start < rest.start and not element.error:
                yield from self.around(replace(element, start=rest.start), path)
            else:
                yield from self.items_of(element)

    def around(self, element: Element, path: Sequence[str]) -> Iterator[ParsedItem]:
        """What wrapping objects hold beside the array at the path."""
        try:
            value = self._parse(element.raw)
        except JsonError as error:
            yield self._rejected(replace(element, error=str(error)))
            return
        for _ in path:
            beside = {k: v for k, v in value.items() if k not in (path[0], "_")}
            yield from self.made_around(beside, element)
            inner = value.get(path[0], value.get("_"))
            path = path[1:]
            value = inner if isinstance(inner, dict) else {}

    def only_value(self, element: Element) -> Iterator[ParsedItem]:
        yield from self.made_of_only(self._parse(element.raw), element)

    def items_of(
        self, element: Element, line: int | None = None, *, name: str = ""
    ) -> Iterable[ParsedItem]:
        """The item of one element, or the items of a page."""
        if element.error:
            return (self._rejected(element, line),)
        try:
            value = self._parse(element.raw)
        except JsonError as error:
            return (self._rejected(replace(element, error=str(error)), line),)
        return self.made_of(value, element, name)

    def made_of_only(self, value: JsonValue, element: Element) -> Iterable[ParsedItem]:
        if is_wrapper(value):
            return self._parts(value, element)
        return (self._item(value, self._place(element), element.raw),)

    def made_of(self, value: JsonValue, element: Element, name: str) -> Iterable[ParsedItem]:
        """``name`` is the path of the array that held the value."""
        if is_page(value):
            return self._parts(value, element)
        return (self._item(value, self._place(element), element.raw, name),)

    def made_around(self, value: Mapping[str, JsonValue], element: Element) -> Iterator[ParsedItem]:
        yield from self._parts(value, element)

    def _parts(self, value: Mapping[str, JsonValue], element: Element) -> Iterator[ParsedItem]:
        for number, part in enumerate(parts_of(value)):
            place = self._place(element, number)
            yield self._item(part.value, place, element.raw, part.path)

    def _item(self, value: JsonValue, place: Place, raw: bytes, name: str = "") -> ParsedItem:
        if isinstance(value, dict):
            item = self._builder.build(value, place, extra={LIST: name} if name else {})
        else:
            item = self._builder.build_plain(value, place)
        return replace(item, raw=raw_start(raw)) if isinstance(item, RejectedItem) else item

    def _rejected(self, element: Element, line: int | None = None) -> RejectedItem:
        label = "" if line is None else f"line {line}: "
        return RejectedItem(label + element.error, self._place(element), raw_start(element.raw))

    def _place(self, element: Element, number: int = 0) -> Place:
        """Bytes in the file; in UTF-16 and UTF-32 items are counted instead."""
        if not self.is_wide:
            return self._site.place(element.start, element.end, number)
        self._ordinal += 1
        return self._site.place(0, 0, self._ordinal - 1)


class _Transcoded:
    """A stream of UTF-16 or UTF-32 as UTF-8."""

    def __init__(self, stream: ByteStream, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""
        self._is_done = False

    def read(self, size: int, /) -> bytes:
        while not self._ready and not self._is_done:
            block = self._stream.read(BLOCK_BYTES)
            self._is_done = not block
            self._ready = self._decoder.decode(block, self._is_done).encode()
        content, self._ready = self._ready[:size], self._ready[size:]
        return content


def utf8_head(head: Head, encoding: TextEncoding) -> bytes:
    """The head in UTF-8, without its byte order mark."""
    content = head.content[encoding.bom_bytes :]
    if encoding.name == "utf-8":
        return content
    return codecs.getincrementaldecoder(encoding.name)("replace").decode(content).encode()


def _columns(found: FoundShape, site: Site) -> tuple[list[str], ColumnRules]:
    """The sampled records' columns and their roles."""
    values: list[JsonValue] = []
    for value in found.sample:
        is_opened = is_wrapper(value) if found.shape is Shape.VALUE else is_page(value)
        values += [part.value for part in parts_of(value)] if is_opened else [value]
    records = [value for value in values if isinstance(value, dict)]
    columns = columns_of(records[:200])
    return columns[:_MAX_COLUMNS_SHOWN], choose_columns(columns, records, site.context.options)


def _cuts_at_lines(file: BinaryIO, slice_bytes: int) -> Iterator[Cut]:
    """Cut after line feeds; each slice knows the number of its first line."""
    base, target, line = 0, slice_bytes, 1
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        counted = 0
        while (found := block.find(b"\n", max(0, target - base - 1))) >= 0:
            end = found + 1
            line += block.count(b"\n", counted, end)
            counted = end
            yield Cut(base + end, {"first_line": line})
            target = base + end + slice_bytes
        line += block.count(b"\n", counted)
        base += len(block)
