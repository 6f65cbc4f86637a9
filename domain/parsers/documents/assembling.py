"""Making records of a document's units: one if it can be, with a segment per unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.models.records import ContentType, JsonValue, Place, Record, Segment
from domain.parsers.forms import Site
from domain.parsers.timestamps import parse_timestamp
from domain.ports.extraction import DocumentFacts, Unit

MAX_CONTENT_CHARS = 1_000_000
_BETWEEN = "\n\n"
_MAX_TITLE_CHARS = 300
_LAST_BREAK = re.compile(r"[\s\S]*\s")


@dataclass(frozen=True, slots=True)
class DocumentFrame:
    """What all records of one document share; ``facts`` name its title."""

    site: Site
    place: Place
    facts: DocumentFacts
    content_type: ContentType = ContentType.DOCUMENT
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)

    def record(self, content: str, segments: Sequence[Segment], number: int = 0) -> Record:
        """One of the document's records, counted from 0; the title of a further one says so."""
        context, facts = self.site.context, self.facts
        title = (facts.title or self.site.name).strip()[:_MAX_TITLE_CHARS]
        place = replace(self.place, ordinal=number)
        return Record(
            source_type=context.source_type,
            native_id=f"{context.sha256[:32]}:{place}",
            content_type=self.content_type,
            content=content,
            place=place,
            title=f"{title}, part {number + 1}" if number else title,
            author=facts.author,
            timestamp=parse_timestamp(facts.modified or facts.created),
            metadata=self._metadata(),
            segments=tuple(segments),
        )

    def _metadata(self) -> dict[str, JsonValue]:
        facts = self.facts
        dates = {"created": facts.created, "modified": facts.modified}
        stated = {key: value for key, value in dates.items() if value}
        return {"filename": self.site.name, **self.metadata, **facts.counts, **stated}


@dataclass(slots=True)
class UnitGroup:
    """Units that make one record: their texts, a blank line between, and their segments."""

    texts: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    length: int = 0
    between: str = _BETWEEN

    def add(self, unit: Unit) -> None:
        start = self.length + len(self.between) if self.texts else 0
        self.length = start + len(unit.text)
        self.texts.append(unit.text)
        self.segments.append(Segment(start, self.length, unit.metadata))

    def has_room_for(self, unit: Unit) -> bool:
        length = self.length + len(self.between) + len(unit.text)
        return not self.texts or length <= MAX_CONTENT_CHARS

    def content(self) -> str:
        return self.between.join(self.texts)


def grouped(units: Iterable[Unit], *, between: str = _BETWEEN) -> Iterator[UnitGroup]:
    """Gather units into groups of at most a million characters, cutting those that are longer."""
    group = UnitGroup(between=between)
    for unit in units:
        for piece in _pieces(unit):
            if not group.has_room_for(piece):
                yield group
                group = UnitGroup(between=between)
            group.add(piece)
    if group.texts:
        yield group


def _pieces(unit: Unit) -> Iterator[Unit]:
    """The unit, or where it is longer than a record may be, pieces that end between words."""
    text = unit.text
    while len(text) > MAX_CONTENT_CHARS:
        found = _LAST_BREAK.match(text, 0, MAX_CONTENT_CHARS)
        end = found.end() if found else MAX_CONTENT_CHARS
        yield replace(unit, text=text[:end].rstrip())
        text = text[end:].lstrip()
    if text:
        yield replace(unit, text=text)
