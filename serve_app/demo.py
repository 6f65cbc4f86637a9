"""What ``make run`` and ``make demo`` do: start, import the sample data, answer a question.

``python -m serve_app.demo [--stay]``. However it ends, it stops what it has started, and leaves a
service that was there before.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from actors.settings import Settings
from domain.errors import HeadraceError
from domain.models.files import ImportOptions, ProcessingStatus
from serve_app.addresses import is_port_free, next_free_port
from serve_app.client import HeadraceClient, Upload
from serve_app.commands.importing import import_files, summary_of
from serve_app.commands.output import Output, ledger_text
from serve_app.commands.querying import show_answer
from serve_app.commands.service import show_ready, show_step
from serve_app.commands.walking import find_files
from serve_app.launcher import Launched, live_state, start_service, stop_service, with_port
from serve_app.run_state import Phase

SAMPLE_DATA = Path(__file__).resolve().parent.parent / "examples" / "tarnbeck"
QUESTION = "Why did Kestermill Paper delay its renewal and who is following up?"
HITS = 6
MIN_SOURCES = 2
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


class DemoFailed(HeadraceError):
    """The service runs, but does not do what the demo is to show."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the answer came from at least two sources."""
    parser = argparse.ArgumentParser(prog="python -m serve_app.demo", description=__doc__)
    parser.add_argument("--stay", action="store_true", help="until Ctrl-C")
    stay = parser.parse_args(arguments).stay
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    output = Output(as_json=False)
    try:
        _run(output, Settings(), stay=stay)
    except HeadraceError as error:
        output.note(f"headrace: {error.message}")
        return EXIT_FAILED
    except KeyboardInterrupt:
        output.note("interrupted; everything is stopped")
        return EXIT_INTERRUPTED
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(output: Output, settings: Settings, *, stay: bool) -> None:
    began = time.monotonic()
    settings = _on_free_port(output, settings)
    with _service(output, settings) as launched:
        with HeadraceClient(launched.url) as client:
            _import_samples(client, output)
            _ask(client, output)
        output.line()
        output.line(f"from start to answer: {time.monotonic() - began:.1f} s")
        if not stay:
            output.line(f"the service was at {launched.url}; 'make run' lets it stay")
        else:
            hint = "headrace down" if launched.was_running else "Ctrl-C"
            show_ready(output, settings, launched.url, stop_hint=hint)
            if not launched.was_running:
                _wait_for_interrupt()


def _on_free_port(output: Output, settings: Settings) -> Settings:
    host, port = settings.http.host, settings.http.port
    if live_state(settings.data_dir) or is_port_free(host, port):
        return settings
    free = next_free_port(host, port)
    output.note(f"port {port} is taken by another program; {free} is free and used instead")
    return with_port(settings, free)


@contextmanager
def _service(output: Output, settings: Settings) -> Iterator[Launched]:
    """A running service; one that was not there before ends with the block."""
    launched = start_service(
        settings, on_phase=lambda phase: show_step(output, phase), tied_to_caller=True
    )
    if launched.was_running:
        output.note(f"a service runs here already, at {launched.url}; it is used and left running")
    try:
        yield launched
    finally:
        if not launched.was_running:
            # From here on Ctrl-C has nothing left to say.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            show_step(output, Phase.STOPPING)
            stop_service(settings)


def _import_samples(client: HeadraceClient, output: Output) -> None:
    """Import what is not there yet, and show every file's ledger."""
    uploads, _ = find_files([SAMPLE_DATA])
    if not uploads:
        raise DemoFailed(f"the sample data is missing: there is nothing in {SAMPLE_DATA}")
    present = {file["sha256"]: file for file in client.files() if _is_complete(file)}
    missing = [upload for upload in uploads if _sha256_of(upload) not in present]
    began = time.monotonic()
    entries = import_files(client, output, missing, ImportOptions(), wait=True)
    for upload in uploads:
        if upload not in missing:
            ledger = ledger_text(present[_sha256_of(upload)]["ledger"])
            output.line(f"  {upload.filename}: was imported before, {ledger}")
    for entry in entries:
        output.line(f"  {entry.filename}: {entry.error or ledger_text(entry.ledger)}")
    failed = [entry.filename for entry in entries if entry.has_failed]
    if failed:
        raise DemoFailed(f"not imported: {', '.join(failed)}")
    if entries:
        output.line(f"imported {summary_of(entries, seconds=time.monotonic() - began)}")


def _is_complete(file: dict[str, Any]) -> bool:
    return bool(file["status"] == ProcessingStatus.COMPLETED)


def _sha256_of(upload: Upload) -> str:
    with upload.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ask(client: HeadraceClient, output: Output) -> None:
    """Raises ``DemoFailed`` if the answer is not put together from several sources."""
    output.line()
    output.line(f'headrace query "{QUESTION}"')
    output.line()
    answer = client.query({"query": QUESTION, "limit": HITS})
    show_answer(output, QUESTION, answer)
    sources = {hit["source_type"] for hit in answer["hits"]}
    if len(sources) < MIN_SOURCES:
        raise DemoFailed(f"the answer has {len(answer['hits'])} hits from {len(sources)} source")


def _wait_for_interrupt() -> None:
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    sys.exit(main())
