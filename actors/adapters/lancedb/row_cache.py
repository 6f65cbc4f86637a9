"""What was read of the table's rows, so that rows found again need not be read again.

Fetching what a hundred hits show costs more than finding them. Lance never gives a row's id to
another row, nor keeps it when the row is rewritten, so what was read under an id stays true.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from domain.models.chunks import Vector
from domain.models.ids import RecordId

ENTRY_BYTES = 500
"""About what an entry costs beside its bytes."""


class Row(NamedTuple):
    """A row's ``HIT_COLUMNS``: what ranking needs unpacked, and ``shown`` as it lies there.

    ``vector`` is of 16 bits a number: half the memory, and cosines change by less than 0.001.
    """

    record_id: RecordId
    source_type: str
    shown: bytes
    file_id: str
    timestamp: datetime | None
    vector: Vector


class RowCache:
    """Rows by id, those unused for the longest forgotten first. Not for several threads."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: OrderedDict[int, Row] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, row_ids: Iterable[int]) -> dict[int, Row]:
        """The rows of these that are known."""
        found = {}
        for row_id in row_ids:
            row = self._rows.get(row_id)
            if row is not None:
                self._rows.move_to_end(row_id)
                found[row_id] = row
        return found

    def put(self, rows: dict[int, Row]) -> None:
        for row_id, row in rows.items():
            if row_id not in self._rows:
                self._rows[row_id] = row
                self._bytes += _size(row)
        while self._bytes > self._max_bytes:
            _, forgotten = self._rows.popitem(last=False)
            self._bytes -= _size(forgotten)


def _size(row: Row) -> int:
    return len(row.shown) + len(row.file_id) + row.vector.nbytes + ENTRY_BYTES
