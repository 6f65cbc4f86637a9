"""``headrace eval FILE``: labelled pairs, asked of a service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.errors import InvalidQueryError
from serve_app.cli import main
from serve_app.commands.judging import read_pairs

WANTED, OTHER = ("7f0fb0e4-0e59-5e3f-9c35-3f9b3a2f2f01", "7f0fb0e4-0e59-5e3f-9c35-3f9b3a2f2f02")


def hit(record_id: str, *members: str) -> dict[str, Any]:
    records = [{"record_id": each, "start": 0, "end": 1} for each in (members or (record_id,))]
    return {"record_id": record_id, "records": records}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text(f"who leads?\t{WANTED}\n")
    return path


def run(path: Path, hits: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> Any:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"hits": hits}))
    with pytest.raises(SystemExit, match="0"):
        main(["eval", str(path), "--json"], transport=transport)
    return json.loads(capsys.readouterr().out)


def test_a_record_that_comes_second_is_half_as_good(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(pairs, [hit(OTHER), hit(WANTED)], capsys)
    assert result["modes"]["hybrid"]["mrr@10"] == 0.5
    assert (result["documents"], result["queries"]) == (1, 1)


def test_a_passage_stands_for_the_member_that_was_meant(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(pairs, [hit(OTHER, OTHER, WANTED)], capsys)
    assert result["modes"]["keyword"]["success@5"] == 1.0


def test_a_question_may_have_several_records_and_gains(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(f"who?\t{WANTED}\t2\n\nwho?\t{OTHER}\n")
    assert read_pairs(path) == {"who?": {WANTED: 2.0, OTHER: 1.0}}


@pytest.mark.parametrize("text", ["", "who?", "who?\tnot an id", f"who?\t{WANTED}\tmuch"])
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(text)
    with pytest.raises(InvalidQueryError):
        read_pairs(path)
