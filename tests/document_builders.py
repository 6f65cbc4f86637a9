"""Small documents, made when a test asks for them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import docx
import pptx

from tests.builders import zip_of

_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def pdf_of(*pages: str, title: str = "", trailer: str = "") -> bytes:
    """A PDF with a line of text per page; an empty text makes a page without any."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        shown = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET" if text else ""
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Contents {5 + 2 * number} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream",
        ]
    objects.append(f"<< /Title ({title}) /Author (Ada) /CreationDate (D:20250514002919+05'30') >>")
    return _pdf_file(objects, trailer)


def _pdf_file(objects: Sequence[str], trailer: str) -> bytes:
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n"
    end += f"<< /Size {size} /Root 1 0 R /Info {size - 1} 0 R {trailer} >>\n"
    return body + f"{end}startxref\n{len(body)}\n%%EOF\n".encode()


def pdf_with_bookmark() -> bytes:
    """A PDF of two pages, the second of which a bookmark calls ``Leave``."""
    pages = pdf_of("One", "Two").replace(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Catalog /Pages 2 0 R /Outlines << /First 9 0 R /Last 9 0 R /Count 1 >> >>",
    )
    bookmark = b"9 0 obj\n<< /Title (Leave) /Parent 1 0 R /Dest [6 0 R /Fit] >>\nendobj\n"
    # Without a table of contents PDFium looks for the objects itself.
    body = pages[: pages.index(b"xref\n")]
    return body + bookmark + b"trailer\n<< /Size 10 /Root 1 0 R >>\n%%EOF\n"


def docx_of(*blocks: str | tuple[int, str] | list[list[str]]) -> bytes:
    """A Word document: texts are paragraphs, ``(level, text)`` headings, lists of rows tables."""
    document = docx.Document()
    for block in blocks:
        if isinstance(block, str):
            document.add_paragraph(block)
        elif isinstance(block, tuple):
            document.add_heading(block[1], block[0])
        else:
            table = document.add_table(len(block), len(block[0]))
            for row, values in zip(table.rows, block, strict=True):
                for cell, value in zip(row.cells, values, strict=True):
                    cell.text = value
    return _saved(document)


def pptx_of(*slides: tuple[str, str], notes: str = "") -> bytes:
    """A deck of slides with title and text; each has the ``notes``."""
    deck = pptx.Presentation()
    for title, text in slides:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
    return _saved(deck)


def xlsx_of(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    """A workbook; cells are numbers or texts, ``None`` leaves one out."""
    names = list(sheets)
    listed = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(names, start=1)
    )
    members = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATIONS}">'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="rId{number}" Type="{_RELATIONS}/worksheet" '
            f'Target="worksheets/sheet{number}.xml"/>'
            for number in range(1, len(names) + 1)
        )
        + "</Relationships>",
    }
    for number, name in enumerate(names, start=1):
        members[f"xl/worksheets/sheet{number}.xml"] = sheet_xml(
            {(x, y): cell for y, row in enumerate(sheets[name]) for x, cell in enumerate(row)}
        )
    return zip_of({name: content.encode() for name, content in members.items()})


def sheet_xml(cells: Mapping[tuple[int, int], Any]) -> str:
    """A worksheet of cells by column (A to Z) and row, both from 0."""
    rows: dict[int, str] = {}
    for (x, y), value in cells.items():
        if value is None:
            continue
        at = f'r="{chr(65 + x)}{y + 1}"'
        is_number = isinstance(value, int | float)
        written = f"<v>{value}</v>" if is_number else f"<is><t>{value}</t></is>"
        kind = "" if is_number else ' t="inlineStr"'
        rows[y] = rows.get(y, "") + f"<c {at}{kind}>{written}</c>"
    body = "".join(f'<row r="{y + 1}">{row}</row>' for y, row in sorted(rows.items()))
    return f'<worksheet xmlns="{_SHEET}"><sheetData>{body}</sheetData></worksheet>'


def sparse_xlsx() -> bytes:
    """A workbook with a cell in either corner of the largest sheet that there can be."""
    last = '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData>'
    members = {}
    with zipfile.ZipFile(io.BytesIO(xlsx_of({"A": [[1]]}))) as archive:
        for name in archive.namelist():
            members[name] = archive.read(name).replace(b"</sheetData>", last.encode())
    return zip_of(members)


def tar_of(members: Mapping[str, bytes], *, mode: str = "w") -> bytes:
    """A tar archive of the members, in order, packed as ``mode`` says (``w:gz``)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def _saved(document: Any) -> bytes:
    saved = io.BytesIO()
    document.save(saved)
    return saved.getvalue()
