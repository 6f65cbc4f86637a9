"""``files``, ``file``, ``delete``, ``replay``, ``verify``."""

from __future__ import annotations

from typing import Any

from domain.errors import HeadraceError
from serve_app.client import HeadraceClient
from serve_app.commands.output import Output, duration_text, found_text, ledger_text, size_text

DEAD_LETTERS_SHOWN = 10
UNSUCCESSFUL = {"failed", "completed_with_errors"}


class Disagreement(HeadraceError):
    """``verify`` has found stores that contradict each other."""


def list_files(client: HeadraceClient, output: Output, *, limit: int | None) -> None:
    """Newest upload first."""
    files = list(client.files(limit=limit))
    if output.as_json:
        output.json({"files": files})
        return
    rows = [
        (
            file["id"],
            file["status"],
            file["source_type"],
            file["filename"],
            ledger_text(file["ledger"]),
            file["error"] or "",
        )
        for file in files
    ]
    if rows:
        output.table(("id", "status", "source", "file", "ledger", "error"), rows)
    else:
        output.note("no files yet: headrace import PATH --wait")


def show_file(client: HeadraceClient, output: Output, file_id: str) -> None:
    """Everything about one file, its first dead letters included."""
    file = client.file(file_id)
    letters = []
    if (file.get("ledger") or {}).get("failed"):
        letters = client.dead_letters(file_id, limit=DEAD_LETTERS_SHOWN)
    if output.as_json:
        output.json({**file, "dead_letters": letters} if letters else file)
        return
    output.table(("", ""), _facts(file))
    for event in file["dead_events"]:
        output.line(f"dead event {event['id']} {event['name']}: {event['error']}")
    for letter in letters:
        output.line(f"failed at {letter['place']}: {letter['error']}")


def _facts(file: dict[str, Any]) -> list[tuple[str, str]]:
    progress = file["progress"]
    facts = [
        ("id", file["id"]),
        ("file", file["filename"]),
        ("status", file["status"]),
        ("source", file["source_type"]),
        ("priority", file["priority"]),
        ("parser", file["parser"] or ""),
        ("size", size_text(file["file_size"])),
        ("sha256", file["sha256"]),
        ("uploaded", file["uploaded_at"]),
        ("completed", file["completed_at"] or ""),
        ("progress", f"{progress['fraction']:.0%}, {progress['records_done']:,} records"),
        ("found", found_text(progress)),
        ("time left", duration_text(eta) if (eta := file["eta_seconds"]) else ""),
        ("ledger", ledger_text(file["ledger"])),
        ("error", file["error"] or ""),
    ]
    facts += [(name, str(value)) for name, value in sorted(file["metadata"].items())]
    return [(name, value) for name, value in facts if value]


def delete_file(client: HeadraceClient, output: Output, file_id: str) -> None:
    """Ask for the removal; the service carries it out soon after."""
    accepted = client.delete(file_id)
    if output.as_json:
        output.json(accepted)
    else:
        output.line(f"{accepted['id']} {accepted['status']}")


def replay_file(client: HeadraceClient, output: Output, file_id: str) -> None:
    """Import the stored bytes again."""
    accepted = client.replay(file_id)
    if output.as_json:
        output.json(accepted)
    else:
        output.line(f"{accepted['id']} {accepted['status']}; see: headrace file {accepted['id']}")


def replay_failed(client: HeadraceClient, output: Output) -> None:
    """Import every file again that failed, or of which records failed."""
    wanted = [file["id"] for file in client.files() if file["status"] in UNSUCCESSFUL]
    accepted = [client.replay(file_id) for file_id in wanted]
    if output.as_json:
        output.json({"files": accepted})
        return
    for file in accepted:
        output.line(f"{file['id']} {file['status']}")
    output.note(f"{len(accepted)} files are read again; see: headrace files")


def verify(client: HeadraceClient, output: Output) -> None:
    """Compare every store with every other.

    Raises:
        Disagreement: they differ; the list is printed.
    """
    answer = client.verify()
    if output.as_json:
        output.json({"ok": answer["ok"], "problems": answer["problems"]})
    else:
        for problem in answer["problems"]:
            output.line(problem)
        if answer["ok"]:
            output.line("store, metadata, index and ledger agree")
    if not answer["ok"]:
        count = len(answer["problems"])
        raise Disagreement(f"{count} problems: 'headrace verify --repair' mends most of them")
