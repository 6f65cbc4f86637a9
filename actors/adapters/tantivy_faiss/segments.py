"""Graphs over vectors on disk, with what hits of them need: each is written once, published, kept.

A number belongs to one chunk for ever, so nothing here is ever rewritten. Beside each graph lie the
numbers of its vectors and their chunks' rows, which hits show without a look at the documents.
"""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from uuid import uuid4

import faiss
import numpy as np
import orjson
from numpy.typing import NDArray

from actors.adapters.tantivy_faiss.rows import Row

CONNECTIVITY, EXPLORED_ON_BUILD, EXPLORED_ON_SEARCH = 24, 200, 250
"""Of 69,612 real vectors the nearest to 1,000 others are found in 0.46 ms each, and 2 of these miss
one of their first ten; exploring 150 it is 0.29 ms and 6 (ADR 31)."""

PRECISION: Any = faiss.ScalarQuantizer.QT_fp16
"""Cosines are true to 2e-5 in half the room. A byte a number finds 98 % of the best ten."""

MAX_SEGMENT_ROWS = 128 * 1_024
"""Extending a graph takes its size in memory, and writes it again: 120 MB at 384 numbers each."""

MANIFEST = "vectors.json"
FORMAT = 3
_GRAPH, _NUMBERS, _ROWS, _ENDS = ".faiss", ".numbers", ".rows", ".ends"
_SUFFIXES = (_GRAPH, _NUMBERS, _ROWS, _ENDS)

Numbers = NDArray[np.int64]
Matrix = NDArray[np.float32]


class Page(NamedTuple):
    """Numbers, which ascend, with the vector and the row of each."""

    numbers: Numbers
    vectors: Matrix
    rows: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A graph on disk: ``rows`` vectors with numbers from ``first`` to ``last``."""

    name: str
    first: int
    last: int
    rows: int
    size_bytes: int
    row_bytes: int
    """Of all its rows."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A graph that is mapped into memory, with the numbers of its vectors, which ascend.

    The row at place ``n`` ends at ``ends[n]``. ``halves`` are the graph's vectors as it keeps them,
    of shape ``(rows, dimension)``, 16 bits a number.
    """

    file: SegmentFile
    graph: faiss.IndexHNSWSQ
    numbers: Numbers
    ends: NDArray[np.int64]
    rows: mmap.mmap
    halves: NDArray[np.float16]

    def places(self, numbers: Numbers) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Where these are, and whether they are here at all; else the place means nothing."""
        at = np.minimum(np.searchsorted(self.numbers, numbers), self.file.rows - 1)
        return at, self.numbers[at] == numbers

    def vectors(self, at: NDArray[np.intp]) -> Matrix:
        return self.halves[at].astype(np.float32)

    def rows_at(self, at: NDArray[np.intp]) -> Iterator[Row]:
        begins = np.where(at > 0, self.ends[at - 1], 0).tolist()
        return map(Row, repeat(self.rows), begins, self.ends[at].tolist(), self.halves[at])


def read_manifest(directory: Path) -> tuple[SegmentFile, ...]:
    """The graphs that are complete, oldest first; none where nothing was folded in yet.

    Those of another format count for nothing: they are made anew from the documents.
    """
    try:
        listed = orjson.loads((directory / MANIFEST).read_bytes())
    except FileNotFoundError:
        return ()
    if listed.get("format") != FORMAT:
        return ()
    return tuple(SegmentFile(**each) for each in listed["segments"])


def write_manifest(directory: Path, segments: Sequence[SegmentFile]) -> None:
    """Publish graphs in place of those that were, at once and durably; remove the others."""
    content = orjson.dumps({"format": FORMAT, "segments": [asdict(each) for each in segments]})
    draft = directory / f"{MANIFEST}.{uuid4().hex}"
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / MANIFEST)
    _sync(directory)
    remove_unlisted(directory)


def build_segments(
    directory: Path,
    dimension: int,
    pages: Iterable[Page],
    *,
    onto: SegmentFile | None = None,
    max_rows: int = MAX_SEGMENT_ROWS,
) -> list[SegmentFile]:
    """Write graphs of vectors, whose numbers ascend over all pages and beyond those of ``onto``.

    The first has what ``onto`` has, too. They are durable and not yet published.
    """
    built: list[SegmentFile] = []
    growing = _Growing.of(directory, onto) if onto else _Growing.empty(directory, dimension)
    try:
        for page in pages:
            if len(growing) + len(page.numbers) > max_rows and len(growing):
                built.append(growing.write())
                growing = _Growing.empty(directory, dimension)
            growing.add(page)
        if len(growing):
            built.append(growing.write())
    finally:
        growing.close()
    return built


class _Growing:
    """A graph in memory, whose rows are written as they come."""

    def __init__(self, directory: Path, graph: faiss.IndexHNSWSQ) -> None:
        self._directory = directory
        self._name = uuid4().hex
        self._graph = graph
        self._numbers: list[Numbers] = []
        self._ends: list[NDArray[np.int64]] = []
        self._rows: BinaryIO = self._path(_ROWS).open("wb")

    @classmethod
    def empty(cls, directory: Path, dimension: int) -> _Growing:
        graph = faiss.IndexHNSWSQ(dimension, PRECISION, CONNECTIVITY, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = EXPLORED_ON_BUILD
        return cls(directory, graph)

    @classmethod
    def of(cls, directory: Path, file: SegmentFile) -> _Growing:
        graph: Any = faiss.read_index(str(directory / f"{file.name}{_GRAPH}"))
        growing = cls(directory, graph)
        growing._numbers.append(_read_integers(directory / f"{file.name}{_NUMBERS}"))
        growing._ends.append(_read_integers(directory / f"{file.name}{_ENDS}"))
        with (directory / f"{file.name}{_ROWS}").open("rb") as rows:
            shutil.copyfileobj(rows, growing._rows)
        return growing

    def __len__(self) -> int:
        return int(self._graph.ntotal)

    def add(self, page: Page) -> None:
        in_this_thread_alone()
        self._graph.add(page.vectors)
        self._numbers.append(page.numbers)
        begin = self._rows.tell()
        self._ends.append(begin + np.cumsum([len(row) for row in page.rows], dtype=np.int64))
        self._rows.writelines(page.rows)

    def write(self) -> SegmentFile:
        numbers, ends = np.concatenate(self._numbers), np.concatenate(self._ends)
        faiss.write_index(self._graph, str(self._path(_GRAPH)))
        self._path(_NUMBERS).write_bytes(numbers.tobytes())
        self._path(_ENDS).write_bytes(ends.tobytes())
        self._rows.close()
        for suffix in _SUFFIXES:
            _sync(self._path(suffix))
        _sync(self._directory)
        return SegmentFile(
            self._name,
            first=int(numbers[0]),
            last=int(numbers[-1]),
            rows=len(numbers),
            size_bytes=self._path(_GRAPH).stat().st_size,
            row_bytes=int(ends[-1]),
        )

    def close(self) -> None:
        """Whatever was not written is nobody's; ``remove_unlisted`` removes it."""
        self._rows.close()

    def _path(self, suffix: str) -> Path:
        return self._directory / f"{self._name}{suffix}"


def in_this_thread_alone() -> None:
    """OpenMP keeps this for each thread; without it every thread that asks starts a team of its
    own, whose members wait for each other spinning (10 ms a search instead of 0.4)."""
    faiss.omp_set_num_threads(1)


def open_segment(directory: Path, file: SegmentFile) -> Segment:
    """Raises ``OSError`` where a file is gone, or is not as it was written."""
    graph_path, numbers_path, rows_path, ends_path = (
        directory / f"{file.name}{suffix}" for suffix in _SUFFIXES
    )
    numbers, ends = _read_integers(numbers_path), _read_integers(ends_path)
    sizes = graph_path.stat().st_size, rows_path.stat().st_size, len(numbers), len(ends)
    if sizes != (file.size_bytes, file.row_bytes, file.rows, file.rows):
        raise OSError(f"{graph_path} or a file beside it is not as it was written")
    graph: Any = faiss.read_index(str(graph_path), faiss.IO_FLAG_MMAP_IFC)
    with rows_path.open("rb") as rows:
        mapped = mmap.mmap(rows.fileno(), 0, access=mmap.ACCESS_READ)
    return Segment(file, graph, numbers, ends, mapped, _halves_of(graph))


def _halves_of(graph: Any) -> NDArray[np.float16]:
    """A view of its vectors, which lives no longer than the graph."""
    kept: Any = faiss.downcast_index(graph.storage)
    codes = faiss.rev_swig_ptr(kept.codes.data(), kept.ntotal * kept.code_size)
    return codes.view(np.float16).reshape(kept.ntotal, kept.d)


def remove_unlisted(directory: Path) -> None:
    """What is no longer published or never was. For the process that writes."""
    names = {each.name for each in read_manifest(directory)}
    for path in directory.iterdir():
        is_draft = path.name.startswith(f"{MANIFEST}.")
        if is_draft or (path.suffix in _SUFFIXES and path.stem not in names):
            path.unlink(missing_ok=True)


def _read_integers(path: Path) -> NDArray[np.int64]:
    return np.fromfile(path, np.int64)


def _sync(path: Path) -> None:
    """Let a file or a directory outlive the machine."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
