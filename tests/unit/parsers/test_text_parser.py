"""Texts that are no tables: documents, sections, pages."""

from __future__ import annotations

import pytest

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


def test_a_markdown_file_of_more_than_a_million_characters_is_cut_at_its_headings() -> None:
    content = b"".join(b"# Part %d\n\n" % n + b"some words\n" * 60_000 for n in range(3))
    records = records_in(PARSER, content)
    assert [record.title for record in records] == ["Part 0", "Part 1", "Part 2"]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        pytest.param("no heading\n\nat all", [], id="none"),
        pytest.param("intro\n\n# A\na\n## B\nb\n# C\nc", [None, "A", "A > B", "C"], id="levels"),
        pytest.param("A\n===\n\na\n\nB\n---\nb", ["A", "A > B"], id="underlined"),
        pytest.param("# A\n```\n# comment\n```\n", ["A"], id="code"),
        pytest.param("# A\n\n| x | y |\n|---|---|\n| 1 | 2 |\n", ["A"], id="table"),
        pytest.param("# A\n\na line\nof prose\n---\nmore\n", ["A"], id="rule-below-prose"),
    ],
)
def test_the_sections_of_a_markdown_text_are_segments(text: str, paths: list[str | None]) -> None:
    (record,) = records_in(PARSER, text.encode())
    assert [segment.metadata.get("section") for segment in record.segments] == paths


def test_a_segment_covers_its_section_and_no_white_space() -> None:
    (record,) = records_in(PARSER, b"\n\nintro\n\n# A\n\nwords\n\n")
    texts = [record.content[segment.start : segment.end] for segment in record.segments]
    assert texts == ["intro", "# A\n\nwords"]


def test_a_line_of_more_than_a_million_characters_makes_several_records() -> None:
    records = records_in(PARSER, b"word " * 300_000, filename="a.txt")
    assert [record.title for record in records] == ["a", "a, part 2"]
    assert sum(record.content.count("word") for record in records) == 300_000


def test_the_headings_of_a_page_make_its_sections() -> None:
    page = b"<!DOCTYPE html><h1>A</h1><p>a</p><h2>B <i>b</i></h2><p>text</p>"
    (record,) = records_in(PARSER, page)
    assert [segment.metadata for segment in record.segments] == [
        {"section": "A"},
        {"section": "A > B b"},
    ]


def test_a_large_text_is_cut_at_line_ends_and_covers_every_byte() -> None:
    content = b"some words\n" * 60_000
    places = [item.place for item in items_in(PARSER, content) if isinstance(item, Record)]
    assert [p.end for p in places][:-1] == [p.start for p in places][1:]
    assert (places[0].start, places[-1].end) == (0, len(content))


def test_html_is_read_as_its_visible_text() -> None:
    page = b"<!DOCTYPE html><title>Hi</title><style>p{}</style><p>One &amp; two</p><p>Three</p>"
    (record,) = records_in(PARSER, page)
    assert (record.title, record.content) == ("Hi", "One & two\nThree")
