"""Gong: what its API answers, however it was saved, and transcripts as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.records import (
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    RejectedItem,
)
from domain.parsers.column_rules import choose_columns, columns_of
from domain.parsers.encodings import detect_encoding
from domain.parsers.forms import ByteStream, Cut, Head, Site, raw_start
from domain.parsers.gong_call_records import call_record
from domain.parsers.gong_calls import Call, call_of
from domain.parsers.gong_directory import tracker_record, user_record
from domain.parsers.gong_fields import id_field, unmarked
from domain.parsers.gong_shapes import (
    LISTS,
    GongPart,
    Kind,
    looks_like_gong,
    parts_in,
    rest_of_answer,
)
from domain.parsers.gong_spoken_text import (
    EMPTY_TRANSCRIPT,
    SPOKEN_TEXT,
    looks_spoken,
    spoken_items,
)
from domain.parsers.gong_transcripts import transcript_record
from domain.parsers.json import LIST, JsonParser, JsonReading, utf8_head
from domain.parsers.json_scan import Element
from domain.parsers.json_shapes import FoundShape, Shape, find_shape
from domain.parsers.slack_fields import JsonObject, object_field, objects_field

EMPTY_RESULT = "empty_result"
TEST_WEBHOOK = "test_webhook"
_MAX_ERROR_CHARS = 500
_NO_ID = "the {kind} has no id that is a text or a whole number; export it again"


class GongParser(JsonParser):
    """Reads calls and transcripts in any dump: pages, arrays of pages or of calls, lines, files.

    A call is one record, its transcript another of the same thread, each turn a segment of it.
    Users and trackers are records; what is not known as Gong's is read as any JSON is.
    """

    name = "gong"
    version = "1.1"

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        encoding = detect_encoding(head.content)
        content = utf8_head(head, encoding)
        about = {"format": self.name, "encoding": encoding.name, "bom_bytes": encoding.bom_bytes}
        found = find_shape(content, is_whole=head.is_whole)
        if found is None:
            if looks_spoken(content):
                return about | {"shape": SPOKEN_TEXT}
            raise UnreadableFileError("the file is neither JSON nor a transcript; export it again")
        found = _whole_calls(found, content)
        others = [value for value in found.sample if _is_other(value)]
        columns = columns_of(others[:200])
        return about | {
            "shape": found.shape.value,
            "array_start": found.array_start,
            "path": list(found.path),
            "wrapper": dict(found.wrapper),
            "column_rules": choose_columns(columns, others, site.context.options).to_json(),
        }

    def cuts(
        self, file: BinaryIO, layout: Mapping[str, JsonValue], *, slice_bytes: int
    ) -> Iterator[Cut]:
        if layout["shape"] != SPOKEN_TEXT:
            yield from super().cuts(file, layout, slice_bytes=slice_bytes)

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        if layout["shape"] == SPOKEN_TEXT:
            yield from spoken_items(stream, layout, site)
        else:
            yield from super().items(stream, layout, site, start=start)

    def _reading(self, layout: Mapping[str, JsonValue], site: Site) -> JsonReading:
        return _GongReading(layout, site)


class _GongReading(JsonReading):
    def made_of_only(self, value: JsonValue, element: Element) -> Iterator[ParsedItem]:
        yield from self._made(parts_in(unmarked(value, element.raw)), element)

    def made_of(self, value: JsonValue, element: Element, name: str) -> Iterator[ParsedItem]:
        list_name = name.rpartition(".")[2]
        yield from self._made(parts_in(unmarked(value, element.raw), list_name), element)

    def made_around(self, value: Mapping[str, JsonValue], element: Element) -> Iterator[ParsedItem]:
        yield from self._made(rest_of_answer(unmarked(dict(value), element.raw)), element)

    def _made(self, parts: Iterator[GongPart], element: Element) -> Iterator[ParsedItem]:
        number = 0
        for part in parts:
            for item in self._items(part, element, number):
                number += 1
                yield item

    def _items(self, part: GongPart, element: Element, number: int) -> Iterator[ParsedItem]:
        place = self._place(element, number)
        match part.kind:
            case Kind.EMPTY:
                yield DroppedItem(EMPTY_RESULT, place)
            case Kind.TEST:
                yield DroppedItem(TEST_WEBHOOK, place)
            case Kind.ERROR:
                yield RejectedItem(_error_of(part.value), place, raw_start(element.raw))
            case Kind.OTHER:
                yield self._other(part, place, element)
            case _ if not isinstance(part.value, dict):
                error = f"a {part.kind.value} is an object, and this is none; export it again"
                yield RejectedItem(error, place, raw_start(element.raw))
            case Kind.CALL:
                yield from self._call(part.value, place, element, number)
            case Kind.TRANSCRIPT:
                call_id = id_field(part.value, "callId")
                yield self._transcript(call_id, part.value, None, place, element)
            case Kind.USER:
                record = user_record(part.value, place, self._source)
                yield record or _without_id(part.kind, place, element)
            case Kind.TRACKER:
                record = tracker_record(part.value, place, self._source)
                yield record or _without_id(part.kind, place, element)

    def _call(
        self, value: JsonObject, place: Place, element: Element, number: int
    ) -> Iterator[ParsedItem]:
        """The call, and its transcript if it carries that."""
        call = call_of(value)
        if call is None:
            yield _without_id(Kind.CALL, place, element)
            return
        yield call_record(call, place, self._source)
        spoken = value.get("transcript")
        if isinstance(spoken, list | dict):
            place = self._place(element, number + 1)
            yield self._transcript(call.id, value, call, place, element)

    def _transcript(
        self, call_id: str, value: JsonObject, call: Call | None, place: Place, element: Element
    ) -> ParsedItem:
        if not call_id:
            return _without_id(Kind.TRANSCRIPT, place, element)
        inner = object_field(value, "transcript")
        monologues = objects_field(inner or value, "transcript")
        record = transcript_record(call_id, monologues, call, place, self._source)
        return record or DroppedItem(EMPTY_TRANSCRIPT, place)

    def _other(self, part: GongPart, place: Place, element: Element) -> ParsedItem:
        if isinstance(part.value, dict):
            extra = {LIST: part.path} if part.path else {}
            item = self._builder.build(part.value, place, extra=extra)
        else:
            item = self._builder.build_plain(part.value, place)
        return replace(item, raw=raw_start(element.raw)) if isinstance(item, RejectedItem) else item

    @property
    def _source(self) -> str:
        return self._site.context.source_type


def _whole_calls(found: FoundShape, head: bytes) -> FoundShape:
    """A shape that does not look into a call or transcript, however large its lists are."""
    is_inside = bool(found.path) and found.path[-1] not in LISTS and looks_like_gong(found, head)
    return FoundShape(Shape.CONCATENATED) if is_inside else found


def _is_other(value: JsonValue) -> bool:
    return isinstance(value, dict) and all(part.kind is Kind.OTHER for part in parts_in(value))


def _error_of(answer: JsonObject) -> str:
    said = "; ".join(map(str, answer["errors"]))[:_MAX_ERROR_CHARS] or "no reason given"
    return f"Gong answered with an error instead of data: {said}; fetch it again"


def _without_id(kind: Kind, place: Place, element: Element) -> RejectedItem:
    return RejectedItem(_NO_ID.format(kind=kind.value), place, raw_start(element.raw))
