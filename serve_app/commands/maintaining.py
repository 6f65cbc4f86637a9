"""``verify --repair`` and ``reindex``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from domain.errors import HeadraceError
from serve_app.client import HeadraceClient
from serve_app.commands.files import Disagreement
from serve_app.commands.output import Output

POLL_SECONDS = 2.0


class NotReindexed(HeadraceError):
    """The index is not in use; the message says why."""


def repair(client: HeadraceClient, output: Output) -> None:
    """Mend what can be mended, and say what is left.

    Raises:
        Disagreement: something is left; the list is printed.
    """
    answer = client.repair()
    if output.as_json:
        output.json(answer)
    else:
        for kind, count in sorted(answer["repaired"].items()):
            output.line(f"repaired: {count:,} {kind.replace('_', ' ')}")
        for problem in answer["problems"]:
            output.line(problem)
        if answer["ok"]:
            output.line("store, metadata, index and ledger agree")
    if not answer["ok"]:
        raise Disagreement(_left(answer))


def _left(answer: dict[str, Any]) -> str:
    count, waiting = len(answer["problems"]), sum(answer["waiting"].values())
    sentence = f"{count} problems are left"
    if waiting:
        sentence += (
            f", {waiting} of them orphans that a later repair removes after the grace period"
        )
    return sentence


def reindex(
    client: HeadraceClient,
    output: Output,
    *,
    model: str | None,
    wait: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask for an index with another model; with ``wait`` until it is in use.

    Raises:
        NotReindexed: it was cancelled meanwhile.
    """
    answer = client.reindex(model)
    wanted = _building(answer)
    while wait and (building := _building(answer)):
        progress = f"{building['held']:,} of {building['total']:,}"
        output.note(f"{progress}: {building['error']}" if building["error"] else progress)
        sleep(POLL_SECONDS)
        answer = client.indexes()
    show_indexes(output, answer)
    if wait and wanted and not _is_active(answer, wanted["model"]):
        raise NotReindexed(f"the index of {wanted['model']} was not built: it was cancelled")


def cancel(client: HeadraceClient, output: Output) -> None:
    show_indexes(output, client.cancel_reindexing())


def drop_old(client: HeadraceClient, output: Output) -> None:
    answer = client.drop_old_indexes()
    if output.as_json:
        output.json(answer)
    for model in () if output.as_json else answer["dropped"]:
        output.line(f"dropped {model}")


def show_indexes(output: Output, answer: dict[str, Any]) -> None:
    """Each index with its state and progress."""
    if output.as_json:
        output.json(answer)
        return
    rows = [
        (
            index["model"],
            index["state"],
            str(index["dimension"]),
            f"{index['held']:,} of {index['total']:,}",
            index["error"] or "",
        )
        for index in answer["indexes"]
    ]
    output.table(("model", "state", "dimension", "records and groups", "error"), rows)
    if answer["note"]:
        output.note(answer["note"])


def _building(answer: dict[str, Any]) -> dict[str, Any] | None:
    return next((one for one in answer["indexes"] if one["state"] == "building"), None)


def _is_active(answer: dict[str, Any], model: str) -> bool:
    return any(one["model"] == model and one["state"] == "active" for one in answer["indexes"])
