"""What was read of an index's rows, so that rows found again need not be read again.

Fetching what a hundred hits show costs more than finding them. A row's id is never given to
another row, nor kept when the row is rewritten, so what was read under an id stays true.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from actors.adapters.tantivy_faiss.rows import Row

ENTRY_BYTES = 400
"""About what an entry costs beside its bytes."""


class RowCache:
    """Rows by id, those unused for the longest forgotten first."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: OrderedDict[int, Row] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, row_ids: Iterable[int]) -> dict[int, Row]:
        """The rows of these that are known."""
        found = {}
        with self._lock:
            for row_id in row_ids:
                row = self._rows.get(row_id)
                if row is not None:
                    self._rows.move_to_end(row_id)
                    found[row_id] = row
        return found

    def put(self, rows: dict[int, Row]) -> None:
        with self._lock:
            for row_id, row in rows.items():
                if row_id not in self._rows:
                    self._rows[row_id] = row
                    self._bytes += _size(row)
            while self._bytes > self._max_bytes:
                _, forgotten = self._rows.popitem(last=False)
                self._bytes -= _size(forgotten)


def _size(row: Row) -> int:
    return row.end - row.begin + row.vector.nbytes + ENTRY_BYTES
