"""The main job, and what becomes of it when parts of the service are killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from domain.file_states import FINAL_STATUSES
from tests.e2e.conftest import BULK_BYTES, Service, eventually, kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROWS = 2_000


def ndjson(name: str, rows: int = ROWS) -> bytes:
    """Distinct rows whose texts take the model a moment each."""
    lines = [
        json.dumps(
            {
                "title": f"{name} {number}",
                "text": f"Row {number} of {name} tells how pump {number % 97} in hall "
                f"{number % 13} lost pressure at night, who looked after it, and what it cost.",
            }
        )
        for number in range(rows)
    ]
    return "\n".join(lines).encode()


def rested(service: Service, file_id: str) -> dict[str, Any]:
    """The file once it is in a final status."""

    def final() -> dict[str, Any] | None:
        file = service.file(file_id)
        return file if file["status"] in FINAL_STATUSES else None

    return dict(eventually(final, seconds=240))


def half_way(service: Service, file_id: str) -> bool:
    """Whether some, but not all, of the file's records are done."""
    return bool(0 < service.file(file_id)["progress"]["records_done"] < ROWS)


def victims(service: Service, who: str) -> list[psutil.Process]:
    """The processes that make up a part of the service."""
    if who == "postgres":
        return [service.postgres()]
    if who == "ray":
        node = service.process("node")
        return [node, *node.children(recursive=True)]
    return [service.process(who)]


def test_an_uploaded_file_answers_a_question(service: Service) -> None:
    file_id = service.upload("pumps.ndjson", ndjson("pumps", 50))
    rested(service, file_id)

    answer = service.json("query", "which pump lost pressure in hall 7")

    assert answer["hits"]
    assert {hit["file_id"] for hit in answer["hits"]} == {file_id}


@pytest.mark.parametrize("who", ["ingest_worker_0", "index_writer", "conductor", "postgres", "ray"])
def test_killing_a_part_in_mid_import_loses_and_doubles_nothing(service: Service, who: str) -> None:
    file_id = service.upload(f"{who}.ndjson", ndjson(who))
    eventually(lambda: half_way(service, file_id))

    for victim in victims(service, who):
        kill(victim)
    file = rested(service, file_id)

    assert file["status"] == "completed", file["error"]
    assert file["ledger"] == {
        "read": ROWS,
        "indexed": ROWS,
        "unchanged": 0,
        "dropped": {},
        "failed": 0,
    }
    assert service.json("verify") == {"ok": True, "problems": []}


def test_killing_the_worker_between_words_and_meaning_loses_and_doubles_nothing(
    service: Service,
) -> None:
    file_id = service.upload("words.ndjson", ndjson("words"))

    def is_staged() -> bool:
        progress = service.file(file_id)["progress"]
        return bool(progress["found_by_words"] == ROWS > progress["found_by_meaning"])

    eventually(is_staged)
    kill(service.process("ingest_worker_0"))
    last = eventually(
        lambda: service.json("query", f'"Row {ROWS - 1} of words"', "--mode", "keyword")["hits"]
    )
    file = rested(service, file_id)

    assert last[0]["file_id"] == file_id
    assert (file["status"], file["ledger"]["indexed"]) == ("completed", ROWS)
    assert file["progress"]["found_by_meaning"] == ROWS
    assert service.json("verify") == {"ok": True, "problems": []}


def test_a_small_file_imported_as_a_job_is_accounted_for(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "job.ndjson"
    path.write_bytes(ndjson("job", 20))

    (file,) = service.json("import", str(path), "--job", "--wait")["files"]

    assert (file["status"], file["ledger"]["indexed"]) == ("completed", 20)
    assert service.file(file["id"])["options"]["job"]


def test_a_large_file_goes_through_ray_data_and_every_row_is_counted(service: Service) -> None:
    content = ndjson("bulk", 4_000)
    assert len(content) > BULK_BYTES
    file_id = service.upload("bulk.ndjson", content)

    file = rested(service, file_id)

    assert file["status"] == "completed", file["error"]
    assert (file["ledger"]["read"], file["ledger"]["indexed"]) == (4_000, 4_000)
    assert service.json("verify") == {"ok": True, "problems": []}


def test_the_service_is_ready_again_after_all_that(service: Service) -> None:
    assert eventually(lambda: httpx.get(f"{service.url}/health/ready").status_code == 200)
