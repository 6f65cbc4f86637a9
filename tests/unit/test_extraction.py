"""Documents are read in a child process, which may die, hang or grow without harm."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from actors.extraction.isolated import MIB, ExtractionLimits, IsolatedExtractor
from actors.extraction.wire import BrokenFrameError, packed_part, read_frame, unpacked
from domain.errors import UnreadableFileError
from domain.parsers.archive import ArchiveParser
from domain.ports.extraction import DocumentFacts, DocumentKind, ExtractedPart, SheetRows, Unit
from tests.builders import parse_context, zip_of
from tests.document_builders import docx_of, pdf_of, sparse_xlsx, xlsx_of

PDF = pdf_of("Hello", "World")
MANY_ROWS = xlsx_of({"A": [[n, "x" * 30] for n in range(60_000)]})


@pytest.fixture
def extractor() -> Iterator[IsolatedExtractor]:
    opened = IsolatedExtractor(ExtractionLimits())
    yield opened
    opened.close()


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def texts(parts: Iterator[ExtractedPart]) -> list[str]:
    return [part.text for part in parts if isinstance(part, Unit)]


def test_a_child_reads_one_document_after_the_other(extractor: IsolatedExtractor) -> None:
    before = children()
    assert texts(extractor.extract(DocumentKind.PDF, PDF)) == ["Hello", "World"]
    first = children() - before
    assert texts(extractor.extract(DocumentKind.DOCX, docx_of("one"))) == ["one"]
    assert children() - before == first
    assert len(first) == 1


def test_every_part_arrives_as_it_was_sent(extractor: IsolatedExtractor) -> None:
    content = xlsx_of({"A": [["id", None, 1.5], [2, "é", None]]})
    facts, rows = extractor.extract(DocumentKind.SHEETS, content)
    assert facts == DocumentFacts(counts={"sheets": 1})
    assert rows == SheetRows("A", 1, (("id", "", 1.5), (2, "é", "")))


def test_a_refusal_in_the_child_is_told_and_the_child_lives_on(
    extractor: IsolatedExtractor,
) -> None:
    with pytest.raises(UnreadableFileError, match="the PDF is damaged"):
        list(extractor.extract(DocumentKind.PDF, b"%PDF-1.4"))
    before = children()
    assert texts(extractor.extract(DocumentKind.PDF, PDF)) == ["Hello", "World"]
    assert children() == before


def test_a_child_killed_in_the_middle_fails_its_document_alone(
    extractor: IsolatedExtractor,
) -> None:
    before = children()
    parts = extractor.extract(DocumentKind.SHEETS, MANY_ROWS)
    next(parts)
    (child,) = children() - before
    os.kill(child, signal.SIGKILL)
    with pytest.raises(UnreadableFileError, match="made its reader crash"):
        list(parts)
    assert texts(extractor.extract(DocumentKind.PDF, PDF)) == ["Hello", "World"]


def test_a_child_killed_between_documents_is_replaced(extractor: IsolatedExtractor) -> None:
    before = children()
    list(extractor.extract(DocumentKind.PDF, PDF))
    (child,) = children() - before
    os.kill(child, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(child)], timeout=5)
    assert texts(extractor.extract(DocumentKind.PDF, PDF)) == ["Hello", "World"]


def test_a_document_that_takes_too_long_is_given_up() -> None:
    slow = IsolatedExtractor(ExtractionLimits(timeout_seconds=0.05))
    with pytest.raises(UnreadableFileError, match=r"more than 0\.05 seconds"):
        list(slow.extract(DocumentKind.SHEETS, MANY_ROWS))
    slow.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        pytest.param(DocumentKind.SHEETS, sparse_xlsx(), id="workbook"),
        pytest.param(DocumentKind.DOCX, docx_of(*["word " * 200] * 3000), id="word"),
    ],
)
def test_a_document_that_takes_too_much_memory_is_given_up(
    kind: DocumentKind, content: bytes
) -> None:
    tight = IsolatedExtractor(ExtractionLimits(memory_bytes=64 * MIB))
    with pytest.raises(UnreadableFileError, match="more than 64 MiB of memory"):
        list(tight.extract(kind, content))
    tight.close()


def test_an_archive_goes_on_after_a_document_that_takes_too_long() -> None:
    content = zip_of({"a.xlsx": MANY_ROWS, "b.csv": b"id,name\n1,Ann\n"})
    extractor = IsolatedExtractor(ExtractionLimits(timeout_seconds=0.05))
    context = parse_context(content, source_type="archive")
    context = type(context)(
        "a.zip", "archive", context.sha256, context.options, extractor=extractor
    )
    file, parser = io.BytesIO(content), ArchiveParser()
    (part,) = parser.plan(file, context, slice_bytes=10**9)
    *_, rejected, record = parser.read(file, part, context)
    assert "more than 0.05 seconds" in getattr(rejected, "error", "")
    assert record.place.member == "b.csv"


def test_a_reader_that_stops_early_leaves_no_busy_child(extractor: IsolatedExtractor) -> None:
    before = children()
    parts = extractor.extract(DocumentKind.SHEETS, MANY_ROWS)
    next(parts)
    parts.close()  # type: ignore[attr-defined]
    assert children() == before


def test_several_threads_have_children_of_their_own(extractor: IsolatedExtractor) -> None:
    before = children()
    one = extractor.extract(DocumentKind.PDF, PDF)
    two = extractor.extract(DocumentKind.PDF, PDF)
    next(one)
    next(two)
    assert len(children() - before) == 2
    assert texts(one) == texts(two)
    assert len(children() - before) == 1


def test_closing_ends_the_child(extractor: IsolatedExtractor) -> None:
    before = children()
    list(extractor.extract(DocumentKind.PDF, PDF))
    extractor.close()
    assert children() == before


_ORPHAN = """
import os, sys
from actors.extraction.isolated import ExtractionLimits, IsolatedExtractor
from domain.ports.extraction import DocumentKind
content = open(sys.argv[1], "rb").read()
parts = IsolatedExtractor(ExtractionLimits()).extract(DocumentKind.SHEETS, content)
next(parts)
import psutil
print(psutil.Process().children()[0].pid, flush=True)
sys.stdin.read()
"""


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(MANY_ROWS)
    command = [sys.executable, "-c", _ORPHAN, str(tmp_path / "a.xlsx")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    _, alive = psutil.wait_procs([child], timeout=10)
    assert not alive


def test_a_child_knows_nothing_of_the_environment_and_loads_little(
    extractor: IsolatedExtractor,
) -> None:
    before = children()
    began = time.monotonic()
    list(extractor.extract(DocumentKind.PDF, PDF))
    took = time.monotonic() - began
    (child,) = children() - before
    assert set(psutil.Process(child).environ()) <= {"LC_ALL", "PYTHONDONTWRITEBYTECODE"}
    assert psutil.Process(child).memory_info().rss < 100 * MIB
    assert took < 10


@pytest.mark.parametrize(
    "content",
    [b"\1", b"\5\0\0\0\0\0\0\0ab", b"\xff" * 8],
    ids=["within-length", "within-frame", "too-large"],
)
def test_a_pipe_that_breaks_off_is_noticed(content: bytes) -> None:
    with pytest.raises(BrokenFrameError):
        read_frame(io.BytesIO(content))


@pytest.mark.parametrize(
    "frame", [b"", b"[]", b'{"unit":{"x":1}}', b'{"rows":{}}', b'{"a":1,"b":2}']
)
def test_a_frame_that_means_nothing_is_noticed(frame: bytes) -> None:
    with pytest.raises(BrokenFrameError):
        unpacked(frame)


def test_a_part_survives_the_wire() -> None:
    for part in (DocumentFacts(title="T"), Unit("x", {"page": 1}), SheetRows("s", 3, ((1, None),))):
        assert unpacked(packed_part(part)) == part
