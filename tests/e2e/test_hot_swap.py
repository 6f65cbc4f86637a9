"""A Slack parser is swapped on a running service, by the command line alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.builders import slack_export, slack_message
from tests.e2e.conftest import BULK_BYTES, Service, eventually
from tests.module_builders import slack_wheel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FILES = 40
DAILY = 6


def exports_in(directory: Path, name: str) -> Path:
    """A folder of small Slack exports."""
    folder = directory / name
    folder.mkdir()
    for number in range(FILES):
        message = slack_message(f"{name} {number}", ts=f"17{len(name)}{number:07}.000100")
        (folder / f"{number}.zip").write_bytes(slack_export({"general/2026-01-31": [message]}))
    return folder


def a_large_export(path: Path) -> Path:
    """Large enough for the bulk path, by an attachment that is left out, in several slices."""
    days = {
        f"general/2025-{month:02}-{day:02}": [
            slack_message(
                f"{month} {day} {n} the pump in hall {n} lost pressure at night " + "again " * 20,
                ts=f"16{month:02}{day:02}{n:04}.000100",
            )
            for n in range(DAILY)
        ]
        for month in range(1, 13)
        for day in range(1, 29)
    }
    attachment = Random(1).randbytes(2 * BULK_BYTES)
    path.write_bytes(slack_export(days, others={"attachments/noise.bin": attachment}))
    return path


def parsers_of(files: dict[str, list[dict[str, str]]]) -> Counter[str]:
    return Counter(file["parser"] for file in files["files"])


def test_a_parser_is_swapped_and_rolled_back_without_a_failed_file(
    service: Service, tmp_path: Path
) -> None:
    before, after = exports_in(tmp_path, "before"), exports_in(tmp_path, "after")
    sample = str(before / "0.zip")
    added = service.json("modules", "add", str(slack_wheel(tmp_path)), "--sample", sample)
    assert added["state"] == "validated"
    service.run("import", str(before))
    service.json("modules", "activate", "slack", "2.0")
    imported = service.json("import", str(after), "--wait")
    service.json("modules", "rollback", "slack")

    assert {file["status"] for file in imported["files"]} == {"completed"}
    eventually(lambda: service.json("status")["queue_depth"] == 0)
    files = service.json("files")
    assert {file["status"] for file in files["files"]} == {"completed"}
    assert parsers_of(files).total() == 2 * FILES
    assert parsers_of(files)["slack/2.0"] >= FILES


def test_large_files_are_read_by_the_module_in_use(service: Service, tmp_path: Path) -> None:
    large = a_large_export(tmp_path / "large.zip")
    service.json("modules", "activate", "slack", "2.0")
    (file,) = service.json("import", str(large), "--wait")["files"]
    service.json("modules", "rollback", "slack")
    shown = service.json("file", file["id"])
    assert (shown["status"], shown["parser"]) == ("completed", "slack/2.0")
    assert shown["ledger"]["indexed"] == 12 * 28 * DAILY


def test_older_files_are_read_again_by_the_new_version(service: Service) -> None:
    service.json("modules", "activate", "slack", "2.0")
    again = service.json("reparse", "--parser", "slack", "--below", "2.0")
    assert again["busy"] == []
    eventually(lambda: service.json("status")["queue_depth"] == 0)
    assert parsers_of(service.json("files")).keys() == {"slack/2.0"}
    assert service.json("verify")["ok"]


def test_code_is_refused_over_rest(service: Service) -> None:
    answer = httpx.post(f"{service.url}/v1/modules", data={"locator": "json:JSONDecoder"})
    assert answer.status_code == 403
