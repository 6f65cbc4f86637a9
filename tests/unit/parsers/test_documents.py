"""PDF, Word and PowerPoint files."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import docx
import pptx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from domain.errors import UnreadableFileError
from domain.models.records import ContentType, Record
from domain.parsers.documents.assembling import grouped
from domain.parsers.documents.parser import DocumentParser
from domain.parsers.documents.spreadsheet import SpreadsheetParser
from domain.ports.extraction import Unit
from tests.builders import described, items_in, records_in, zip_of
from tests.document_builders import docx_of, pdf_of, pdf_with_bookmark, pptx_of, xlsx_of

PARSER = DocumentParser()


def segment_texts(record: Record) -> list[str]:
    return [record.content[segment.start : segment.end] for segment in record.segments]


def test_the_pages_of_a_pdf_are_segments_of_one_document() -> None:
    (record,) = records_in(PARSER, pdf_of("Hello", "World", title="Greeting"))
    assert (record.title, record.author, record.content_type) == (
        "Greeting",
        "Ada",
        ContentType.DOCUMENT,
    )
    assert segment_texts(record) == ["Hello", "World"]
    assert [segment.metadata for segment in record.segments] == [{"page": 1}, {"page": 2}]


def test_a_pdf_says_when_it_was_made_and_how_many_pages_it_has() -> None:
    (record,) = records_in(PARSER, pdf_of("Hello"), filename="a.pdf")
    assert record.timestamp == datetime(2025, 5, 13, 18, 59, 19, tzinfo=UTC)
    assert (record.metadata["pages"], record.metadata["filename"]) == (1, "a.pdf")


def test_a_document_without_title_or_heading_is_titled_by_its_name() -> None:
    (record,) = records_in(PARSER, pdf_of("Hello"), filename="folder/plan.pdf")
    assert record.title == "plan"


def test_a_page_without_text_leaves_the_others_their_numbers() -> None:
    (record,) = records_in(PARSER, pdf_of("", "World"))
    assert [segment.metadata["page"] for segment in record.segments] == [2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(pdf_of("", ""), "OCR", id="scanned"),
        pytest.param(b"%PDF-1.7 and no more", "damaged", id="damaged"),
        pytest.param(
            pdf_of(
                "x",
                trailer="/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 "
                f"/O <{'00' * 32}> /U <{'00' * 32}> >> /ID [<00> <00>]",
            ),
            "encrypted",
            id="encrypted",
        ),
        pytest.param(docx_of(), "no text", id="empty-docx"),
        pytest.param(pptx_of(), "no text", id="empty-pptx"),
        pytest.param(zip_of({"word/x.xml": b""}), "no document", id="other-zip"),
        pytest.param(
            zip_of({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}),
            "Word document is damaged",
            id="damaged-docx",
        ),
        pytest.param(
            zip_of({"[Content_Types].xml": b"<x/>", "ppt/presentation.xml": b"<x/>"}),
            "PowerPoint file is damaged",
            id="damaged-pptx",
        ),
    ],
)
def test_what_gives_no_text_is_refused_with_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableFileError, match=words):
        items_in(PARSER, content)


def test_the_sections_of_a_word_document_are_segments_with_their_headings() -> None:
    content = docx_of("intro", (1, "Leave"), "text", (2, "Sick leave"), "more", (1, "Pay"), "end")
    (record,) = records_in(PARSER, content)
    assert [segment.metadata.get("section") for segment in record.segments] == [
        None,
        "Leave",
        "Leave > Sick leave",
        "Pay",
    ]
    assert segment_texts(record)[2] == "Sick leave\nmore"


def test_a_table_in_a_word_document_is_read_row_by_row() -> None:
    (record,) = records_in(PARSER, docx_of([["Name", "Age"], ["Ann", "7"]]))
    assert record.content == "Name | Age\nAnn | 7"


def test_a_slide_and_its_notes_are_one_segment() -> None:
    content = pptx_of(("Plan", "first\nsecond"), ("Budget", "none"), notes="say hello")
    (record,) = records_in(PARSER, content)
    assert segment_texts(record)[0] == "Plan\nfirst\nsecond\nNotes: say hello"
    assert record.segments[1].metadata == {"slide": 2, "section": "Budget"}
    assert (record.title, record.metadata["slides"]) == ("Plan", 2)


def test_a_document_says_its_kind_before_it_is_read() -> None:
    assert described(PARSER, docx_of("x"))["format"] in {"docx", "office"}


def test_a_workbook_is_no_document_and_a_document_no_workbook() -> None:
    with pytest.raises(UnreadableFileError):
        described(PARSER, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    with pytest.raises(UnreadableFileError):
        described(SpreadsheetParser(), pdf_of("x"))


def test_units_are_gathered_into_records_of_at_most_a_million_characters() -> None:
    groups = list(grouped(Unit("x" * 400_000, {"page": page}) for page in range(1, 6)))
    pages = [[segment.metadata["page"] for segment in group.segments] for group in groups]
    assert pages == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize("text", ["word " * 500_000, "x" * 2_500_000], ids=["words", "one-word"])
def test_a_unit_that_is_too_long_is_cut_and_stays_whole(text: str) -> None:
    contents = [group.content() for group in grouped([Unit(text, {"page": 1})])]
    assert len(contents) == 3
    assert max(map(len, contents)) <= 1_000_000
    assert "".join("".join(contents).split()) == "".join(text.split())


def test_every_sheet_is_a_table_of_its_own() -> None:
    towns = [["town"], ["Ulm"], [None], ["Bonn"]]
    sheets = {"People": [["id", "name"], [1, "Ann"]], "Towns": towns}
    items = items_in(SpreadsheetParser(), xlsx_of(sheets))
    records = [item for item in items if isinstance(item, Record)]
    assert [record.content for record in records] == ["id: 1\nname: Ann", "town: Ulm", "town: Bonn"]
    assert [(r.metadata["_sheet"], r.metadata["_row"]) for r in records] == [
        ("People", 2),
        ("Towns", 2),
        ("Towns", 4),
    ]


def test_rows_of_a_workbook_are_accounted_for_by_rule() -> None:
    rows = [[None], ["made by Ann"], [None], ["id", "name", "town"], [1, "Ann", "Ulm"]]
    items = items_in(SpreadsheetParser(), xlsx_of({"A": rows, "Empty": []}))
    found = [getattr(item, "rule", "record") for item in items]
    assert found == ["blank_row", "preamble_row", "blank_row", "record", "empty_sheet"]
    assert [item.place.ordinal for item in items] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("WordDocument", "DOCX"),
        ("EncryptedPackage", "encrypted"),
        ("Nothing", "unknown kind"),
        ("Workbook", "encrypted or damaged"),
    ],
)
def test_an_old_office_file_is_refused_by_what_it_is(entry: str, words: str) -> None:
    name = entry.encode("utf-16-le").ljust(128, b"\0")
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(1024, b"\0") + name
    with pytest.raises(UnreadableFileError, match=words):
        items_in(SpreadsheetParser(), content)


def test_an_open_document_text_is_refused_with_the_fix() -> None:
    odt = zip_of({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<x/>"})
    with pytest.raises(UnreadableFileError, match="DOCX"):
        items_in(PARSER, odt)


def test_a_bookmark_names_the_section_of_its_page_and_those_after_it() -> None:
    (record,) = records_in(PARSER, pdf_with_bookmark())
    assert [segment.metadata for segment in record.segments] == [
        {"page": 1},
        {"page": 2, "section": "Leave"},
    ]


def test_tabs_breaks_controls_and_notes_of_a_word_document_are_read() -> None:
    document = docx.Document()
    run = document.add_paragraph().add_run("a\tb")
    run.add_break()
    run.add_text("c")
    control = parse_xml(
        f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>inside</w:t></w:r></w:p>"
        "</w:sdtContent></w:sdt>"
    )
    document.element.body.insert(1, control)
    notes = f"<w:footnotes {nsdecls('w')}><w:footnote><w:p><w:r><w:t>note</w:t></w:r></w:p>"
    notes += "</w:footnote></w:footnotes>"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    part = Part(PackURI("/word/footnotes.xml"), kind, notes.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    saved = io.BytesIO()
    document.save(saved)
    (record,) = records_in(PARSER, saved.getvalue())
    assert record.content == "a\tb\nc\ninside\nnote"


def test_tables_and_groups_on_a_slide_are_read() -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(1, 2, 0, 0, 9, 9).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Name", "Age"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "in a group"
    saved = io.BytesIO()
    deck.save(saved)
    (record,) = records_in(PARSER, saved.getvalue())
    assert record.content == "Name | Age\nin a group"
    assert record.segments[0].metadata == {"slide": 1}
