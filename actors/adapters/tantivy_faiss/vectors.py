"""Vectors by number: graphs on disk for most, the freshest ones compared one by one.

A number belongs to one vector for ever, so nothing here is ever rewritten. What was deleted or
replaced meanwhile still has its vector; whoever searches looks up which numbers are alive.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import faiss
import numpy as np
import orjson
from numpy.typing import NDArray

from domain.models.chunks import Embedding

CONNECTIVITY, EXPLORED_ON_BUILD, EXPLORED_ON_SEARCH = 24, 200, 300
"""Of 5,484 chunks of abstracts (CACM) every question's true first ten are found in 0.27 ms; 16, 128
and 150 lost three of ten for some in 0.13 ms."""

PRECISION: Any = faiss.ScalarQuantizer.QT_fp16
"""Cosines are true to 2e-5 in half the room. A byte a number finds 98 % of the best ten."""

MAX_SEGMENT_ROWS = 128 * 1_024
"""Extending a graph takes its size in memory, and writes it again: 120 MB at 384 numbers each."""

MANIFEST = "vectors.json"
_GRAPH, _NUMBERS = ".faiss", ".numbers"

Numbers = NDArray[np.int64]
Matrix = NDArray[np.float32]


class Near(NamedTuple):
    """Numbers and their cosines, nearest first."""

    numbers: Numbers
    cosines: NDArray[np.float32]

    @classmethod
    def none(cls) -> Near:
        return cls(np.empty(0, np.int64), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A graph on disk: ``rows`` vectors with numbers from ``first`` to ``last``."""

    name: str
    first: int
    last: int
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A graph that is mapped into memory, and the numbers of its vectors, which ascend."""

    file: SegmentFile
    graph: faiss.IndexHNSWSQ
    numbers: Numbers


def read_manifest(directory: Path) -> tuple[SegmentFile, ...]:
    """The graphs that are complete, oldest first; none where nothing was folded in yet."""
    try:
        listed = orjson.loads((directory / MANIFEST).read_bytes())
    except FileNotFoundError:
        return ()
    return tuple(SegmentFile(**each) for each in listed["segments"])


def write_manifest(directory: Path, segments: Sequence[SegmentFile]) -> None:
    """Publish graphs in place of those that were, at once and durably; remove the others."""
    content = orjson.dumps({"segments": [asdict(each) for each in segments]})
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
    pages: Iterable[tuple[Numbers, Matrix]],
    *,
    onto: SegmentFile | None = None,
    max_rows: int = MAX_SEGMENT_ROWS,
) -> list[SegmentFile]:
    """Write graphs of vectors, whose numbers ascend over all pages and beyond those of ``onto``.

    The first has what ``onto`` has, too. They are durable and not yet published.
    """
    built: list[SegmentFile] = []
    growing = _Growing.of(directory, onto) if onto else _Growing.empty(dimension)
    for numbers, vectors in pages:
        if len(growing) + len(numbers) > max_rows and len(growing):
            built.append(growing.write(directory))
            growing = _Growing.empty(dimension)
        growing.add(numbers, vectors)
    if len(growing):
        built.append(growing.write(directory))
    return built


class _Growing:
    """A graph in memory."""

    def __init__(self, graph: faiss.IndexHNSWSQ, numbers: list[Numbers]) -> None:
        self._graph = graph
        self._numbers = numbers

    @classmethod
    def empty(cls, dimension: int) -> _Growing:
        graph = faiss.IndexHNSWSQ(dimension, PRECISION, CONNECTIVITY, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = EXPLORED_ON_BUILD
        return cls(graph, [])

    @classmethod
    def of(cls, directory: Path, file: SegmentFile) -> _Growing:
        graph: Any = faiss.read_index(str(directory / f"{file.name}{_GRAPH}"))
        return cls(graph, [_read_numbers(directory, file)])

    def __len__(self) -> int:
        return int(self._graph.ntotal)

    def add(self, numbers: Numbers, vectors: Matrix) -> None:
        _in_this_thread_alone()
        self._graph.add(vectors)
        self._numbers.append(numbers)

    def write(self, directory: Path) -> SegmentFile:
        name = uuid4().hex
        path, numbers = directory / f"{name}{_GRAPH}", np.concatenate(self._numbers)
        faiss.write_index(self._graph, str(path))
        (directory / f"{name}{_NUMBERS}").write_bytes(numbers.tobytes())
        for written in (path, directory / f"{name}{_NUMBERS}", directory):
            _sync(written)
        first, last = int(numbers[0]), int(numbers[-1])
        return SegmentFile(name, first, last, len(numbers), path.stat().st_size)


def _in_this_thread_alone() -> None:
    """OpenMP keeps this for each thread; without it every thread that asks starts a team of its
    own, whose members wait for each other spinning (10 ms a search instead of 0.4)."""
    faiss.omp_set_num_threads(1)


def _read_numbers(directory: Path, file: SegmentFile) -> Numbers:
    return np.frombuffer((directory / f"{file.name}{_NUMBERS}").read_bytes(), np.int64)


def open_segment(directory: Path, file: SegmentFile) -> Segment:
    """Raises ``OSError`` where a file is gone, or is not as it was written."""
    path = directory / f"{file.name}{_GRAPH}"
    numbers = _read_numbers(directory, file)
    if path.stat().st_size != file.size_bytes or len(numbers) != file.rows:
        raise OSError(f"{path} or the numbers beside it are not as they were written")
    graph: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    graph.hnsw.efSearch = EXPLORED_ON_SEARCH
    return Segment(file, graph, numbers)


@dataclass(frozen=True, slots=True)
class Vectors:
    """All vectors of a moment: ``fresh`` ones have numbers beyond those of the segments."""

    segments: tuple[Segment, ...]
    fresh_numbers: Numbers
    fresh: Matrix

    @classmethod
    def none(cls, dimension: int) -> Vectors:
        return cls((), np.empty(0, np.int64), np.empty((0, dimension), np.float32))

    def __len__(self) -> int:
        return sum(each.file.rows for each in self.segments) + len(self.fresh_numbers)

    @property
    def newest(self) -> int:
        """The greatest number; -1 without any."""
        if len(self.fresh_numbers):
            return int(self.fresh_numbers[-1])
        return self.segments[-1].file.last if self.segments else -1

    def search(self, embedding: Embedding, count: int) -> Near:
        """The nearest ``count``, of the segments nearly always."""
        found = [_search_segment(each, embedding, count) for each in self.segments]
        if len(self.fresh_numbers):
            found.append(_compared(self.fresh_numbers, self.fresh, embedding, count))
        return best_of(found, count)

    def among(self, numbers: Numbers, embedding: Embedding, count: int) -> Near:
        """The nearest of these numbers, compared one by one; unknown ones are left out."""
        numbers = np.sort(numbers)
        found = [_among_segment(each, numbers, embedding, count) for each in self.segments]
        at = np.isin(self.fresh_numbers, numbers, assume_unique=True)
        found.append(_compared(self.fresh_numbers[at], self.fresh[at], embedding, count))
        return best_of(found, count)

    def with_fresh(self, pages: Sequence[tuple[Numbers, Matrix]]) -> Vectors:
        """With further ones, whose numbers ascend and are greater than all that are here."""
        return Vectors(
            self.segments,
            np.concatenate([self.fresh_numbers, *(numbers for numbers, _ in pages)]),
            np.concatenate([self.fresh, *(vectors for _, vectors in pages)]),
        )

    def with_segments(self, segments: tuple[Segment, ...]) -> Vectors:
        """With other segments; what these hold is not fresh any more.

        Where they hold less than those before, nothing is: the rest is to be read again.
        """
        last = segments[-1].file.last if segments else -1
        before = self.segments[-1].file.last if self.segments else -1
        at = int(np.searchsorted(self.fresh_numbers, last, side="right"))
        if last < before:
            at = len(self.fresh_numbers)
        return Vectors(segments, self.fresh_numbers[at:].copy(), self.fresh[at:].copy())


def _search_segment(segment: Segment, embedding: Embedding, count: int) -> Near:
    _in_this_thread_alone()
    (cosines,), (at,) = segment.graph.search(
        embedding.reshape(1, -1), min(count, segment.file.rows)
    )
    # A graph may reach fewer than it was asked for.
    reached = at >= 0
    return Near(segment.numbers[at[reached]], cosines[reached])


def _among_segment(segment: Segment, numbers: Numbers, embedding: Embedding, count: int) -> Near:
    ours = numbers[np.searchsorted(numbers, segment.file.first) :]
    ours = ours[: np.searchsorted(ours, segment.file.last, side="right")]
    at = np.searchsorted(segment.numbers, ours)
    is_known = segment.numbers[at] == ours
    if not is_known.any():
        return Near.none()
    _in_this_thread_alone()
    vectors = segment.graph.reconstruct_batch(at[is_known])
    return _compared(ours[is_known], vectors, embedding, count)


def _compared(numbers: Numbers, vectors: Matrix, embedding: Embedding, count: int) -> Near:
    """The nearest, by FAISS: numpy's product wakes threads that wait for each other spinning."""
    if not len(numbers):
        return Near.none()
    _in_this_thread_alone()
    query = np.ascontiguousarray(embedding, np.float32).reshape(1, -1)
    (cosines,), (at,) = faiss.knn(
        query, vectors, min(count, len(numbers)), metric=faiss.METRIC_INNER_PRODUCT
    )
    return Near(numbers[at], cosines)


def best_of(found: Sequence[Near], count: int) -> Near:
    """The nearest ``count`` of all."""
    if not found:
        return Near.none()
    numbers = np.concatenate([each.numbers for each in found])
    cosines = np.concatenate([each.cosines for each in found])
    # Equal ones by their numbers, so that an order does not depend on the segments.
    order = np.lexsort((numbers, -cosines))[:count]
    return Near(numbers[order], cosines[order])


def remove_unlisted(directory: Path) -> None:
    """What is no longer published or never was. For the process that writes."""
    names = {each.name for each in read_manifest(directory)}
    for path in directory.iterdir():
        is_draft = path.name.startswith(f"{MANIFEST}.")
        if is_draft or (path.suffix in (_GRAPH, _NUMBERS) and path.stem not in names):
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Let a file or a directory outlive the machine."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
