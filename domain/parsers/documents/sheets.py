"""Workbooks (XLSX, XLSM, XLSB, XLS, ODS) by calamine: the rows of every sheet."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import islice

import python_calamine as calamine

from domain.errors import UnreadableFileError
from domain.models.records import JsonValue
from domain.parsers.cell_values import json_value
from domain.ports.extraction import DocumentFacts, ExtractedPart, SheetRows

_ROWS_AT_A_TIME = 200


def extract(content: bytes) -> Iterator[ExtractedPart]:
    """The facts, then the rows of one worksheet after the other, hidden ones too.

    Raises:
        UnreadableFileError: encrypted or damaged.
    """
    try:
        workbook = calamine.load_workbook(BytesIO(content))
        names = [
            sheet.name
            for sheet in workbook.sheets_metadata
            if sheet.typ == calamine.SheetTypeEnum.WorkSheet
        ]
        yield DocumentFacts(counts={"sheets": len(names)})
        for name in names:
            yield from _sheet(workbook.get_sheet_by_name(name))
    except calamine.PasswordError as error:
        raise UnreadableFileError(
            "the workbook is encrypted; save it without a password"
        ) from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise UnreadableFileError(
            "the workbook is damaged or of an unknown kind; save it as XLSX or export it as CSV",
            reason=str(error),
        ) from error


def _sheet(sheet: calamine.CalamineSheet) -> Iterator[SheetRows]:
    if sheet.start is None:
        yield SheetRows(sheet.name, 1, ())
        return
    rows = (tuple(map(_cell, row)) for row in sheet.iter_rows())
    # Leading blank rows come, too, so that the first one is the sheet's first.
    number = 1
    while block := tuple(islice(rows, _ROWS_AT_A_TIME)):
        yield SheetRows(sheet.name, number, block)
        number += len(block)


def _cell(value: object) -> JsonValue:
    """A whole number is stored as a fraction like all others; people write it without."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return json_value(value)
