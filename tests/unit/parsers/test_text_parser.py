"""Texts that are no tables: documents, sections, pages."""

from __future__ import annotations

from domain.models.records import ContentType, Record
from domain.parsers.text import TextParser
from tests.builders import items_in, records_in

PARSER = TextParser()


def test_a_small_file_is_one_document_titled_by_its_heading() -> None:
    (record,) = records_in(PARSER, b"\n# Renewal plan\n\nCall Ann.\n", filename="notes.md")
    assert (record.title, record.content_type) == ("Renewal plan", ContentType.DOCUMENT)


def test_a_text_without_heading_is_titled_by_its_name() -> None:
    (record,) = records_in(PARSER, b"Call Ann.", filename="folder/notes.txt")
    assert record.title == "notes"


def test_an_underlined_heading_is_a_title() -> None:
    (record,) = records_in(PARSER, b"Plan\n====\n\nCall Ann.")
    assert record.title == "Plan"


def test_a_large_markdown_file_is_cut_at_its_headings() -> None:
    content = b"".join(b"# Part %d\n\n" % n + b"some words\n" * 4000 for n in range(3))
    records = records_in(PARSER, content)
    assert [record.title for record in records] == ["Part 0", "Part 1", "Part 2"]


def test_a_large_text_is_cut_at_line_ends_and_covers_every_byte() -> None:
    content = b"some words\n" * 60_000
    places = [item.place for item in items_in(PARSER, content) if isinstance(item, Record)]
    assert [p.end for p in places][:-1] == [p.start for p in places][1:]
    assert (places[0].start, places[-1].end) == (0, len(content))


def test_html_is_read_as_its_visible_text() -> None:
    page = b"<!DOCTYPE html><title>Hi</title><style>p{}</style><p>One &amp; two</p><p>Three</p>"
    (record,) = records_in(PARSER, page)
    assert (record.title, record.content) == ("Hi", "One & two\nThree")
