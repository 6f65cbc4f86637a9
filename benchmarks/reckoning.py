"""Whether every file that was accepted has become what it should, by the service's own books."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from benchmarks.service import BenchmarkFailed, Service
from domain.file_states import FINAL_STATUSES
from domain.ledger import Ledger

PAGE = 1_000

Files = Mapping[str, Mapping[str, Any]]


def known_files(service: Service, accepted: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Every file that the service lists, by its id.

    Pages follow the time of upload; an accepted file that none of them has is asked for by itself.
    """
    files: dict[str, dict[str, Any]] = {}
    before: str | None = ""
    while before is not None:
        page = service.call(
            "GET", f"/v1/files?limit={PAGE}" + (f"&before={quote(before)}" if before else "")
        )
        files |= {file["id"]: file for file in page["files"]}
        before = page["next_before"]
    for file_id in accepted.keys() - files:
        files |= {file["id"]: file for file in _single(service, file_id)}
    return files


def _single(service: Service, file_id: str) -> Iterator[dict[str, Any]]:
    with suppress(BenchmarkFailed):
        yield service.call("GET", f"/v1/files/{file_id}")


def wrong_files(
    accepted: Mapping[str, int], files: Files, *, deleted: frozenset[str] = frozenset()
) -> list[str]:
    """What is wrong with each: ``accepted`` has the records by the file's id.

    Deleted files have to be gone, and files that nobody has brought must not be there.
    """
    expected = accepted.keys() - deleted
    problems = [f"{file_id}: accepted, and not known" for file_id in expected - files.keys()]
    problems += [f"{file_id}: known, and not expected" for file_id in files.keys() - expected]
    for file_id in expected & files.keys():
        problems += wrong_with(files[file_id], accepted[file_id])
    return problems


def wrong_with(file: Mapping[str, Any], records: int) -> list[str]:
    """Why a file is not completed with so many records, all of them indexed; empty if it is."""
    if file["status"] not in FINAL_STATUSES:
        return [f"{file['filename']}: still {file['status']}"]
    ledger = Ledger(**file["ledger"])
    is_exact = ledger.balances and ledger.read == ledger.indexed == records
    if file["status"] == "completed" and is_exact:
        return []
    return [
        f"{file['filename']}: {file['status']} with {file['ledger']} instead of {records} indexed; "
        f"{file['error']}"
    ]


def wrong_with_stores(service: Service) -> list[str]:
    """What ``headrace verify`` finds."""
    verified = json.loads(service.command("verify", "--json", may_fail=True))
    return [] if verified["ok"] else list(verified["problems"])
