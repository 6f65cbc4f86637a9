"""The dry run: counts as an import would, stores nothing, estimates."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.chunking import ChunkLimits
from domain.errors import UnreadableFileError
from domain.models.files import ImportOptions
from domain.ports.parser import ArchiveLimits
from pipelines.dry_run import DryRunLimits, DryRunReport, EmbedRate, dry_run
from tests.builders import slack_export, slack_message


def run_on(path: Path, content: bytes, *, slice_bytes: int = 10_000_000) -> DryRunReport:
    path.write_bytes(content)
    return dry_run(
        path,
        filename=path.name,
        options=ImportOptions(),
        limits=DryRunLimits(slice_bytes, ChunkLimits(), ArchiveLimits()),
        embed_rate=EmbedRate(),
        clock=iter([0.0, 2.0]).__next__,
    )


def rows(count: int) -> bytes:
    return b"text,author\n" + b"".join(b"row %d is here,Ada\n" % n for n in range(count))


def test_every_row_of_a_table_is_counted(tmp_path: Path) -> None:
    report = run_on(tmp_path / "a.csv", rows(50))
    assert report.ledger.to_json() == {
        "read": 50,
        "indexed": 50,
        "unchanged": 0,
        "dropped": {},
        "failed": 0,
    }
    assert (report.parser, report.source_type, report.chunks) == ("csv", "csv", 50)


def test_many_slices_count_as_one(tmp_path: Path) -> None:
    whole = run_on(tmp_path / "a.csv", rows(500))
    cut = run_on(tmp_path / "b.csv", rows(500), slice_bytes=1024)
    assert cut.slices > 1
    assert cut.ledger == whole.ledger


def test_messages_that_share_passages_count_by_their_share(tmp_path: Path) -> None:
    many = {"general/2023-11-14": [slack_message(ts=f"17000000{n:02d}.0") for n in range(50)]}
    report = run_on(tmp_path / "export.zip", slack_export(many))
    assert 0 < report.chunks < 10


def test_a_message_that_comes_twice_is_a_duplicate(tmp_path: Path) -> None:
    twice = {"general/2023-11-14": [slack_message(), slack_message()]}
    report = run_on(tmp_path / "export.zip", slack_export(twice))
    assert report.ledger.balances
    assert report.ledger.dropped["duplicate"] == 1


def test_the_estimate_adds_parsing_and_embedding(tmp_path: Path) -> None:
    report = run_on(tmp_path / "a.csv", rows(400))
    assert report.parse_seconds == 2.0
    assert report.estimated_seconds == pytest.approx(2.0 + report.embed_seconds)
    assert 0.1 < report.embed_seconds < 3


def test_a_file_that_no_parser_reads_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        run_on(tmp_path / "a.bin", b"\x00\x01\x02\xff" * 100)


@given(st.integers(1, 5_000))
def test_a_longer_text_never_takes_less_time(tokens: int) -> None:
    rate = EmbedRate()
    assert 0 < rate.seconds(tokens) <= rate.seconds(tokens + 1)
