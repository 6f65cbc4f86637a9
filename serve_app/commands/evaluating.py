"""``eval``."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actors.bootstrap import open_embedder
from domain.chunking import ChunkLimits
from pipelines.evaluation import EvaluationOptions, evaluate
from serve_app.commands.connection import load_settings
from serve_app.commands.output import Output

OnProgress = Callable[[str, int, int], None]
STEP_SHARE = 10
"""In a pipe, a line for every tenth of a step."""


def evaluate_folder(folder: Path, output: Output) -> None:
    """Judge every mode with the product's own model, in a temporary directory.

    Raises:
        NotFoundError, InvalidQueryError: the folder is not as it should be.
        FatalImportError: the model is not prepared.
    """
    settings = load_settings()
    limits = ChunkLimits(settings.ingest.chunk_tokens, settings.ingest.chunk_overlap_tokens)
    options = EvaluationOptions(
        limits=limits,
        blend=settings.blending.options(),
        candidates_per_leg=settings.search.candidates_per_leg,
        compares_by_words=settings.search.compare_by_words,
    )
    embedder = open_embedder(settings, sessions=settings.embedder.import_sessions)
    try:
        with tempfile.TemporaryDirectory(prefix="headrace-eval-") as work, _shown(output) as shown:
            work_dir = Path(work)
            result = asyncio.run(
                evaluate(folder, embedder, work_dir, options=options, on_progress=shown)
            )
    finally:
        embedder.close()
    if output.as_json:
        output.json(result)
    else:
        show(output, result)


@contextmanager
def _shown(output: Output) -> Iterator[OnProgress]:
    if output.side.is_terminal:
        with _bars(output) as on_progress:
            yield on_progress
    else:
        yield _Lines(output)


@contextmanager
def _bars(output: Output) -> Iterator[OnProgress]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeLeft())
    with Progress(*columns, console=output.side) as progress:
        bars = {step: progress.add_task(step, total=None) for step in ("documents", "queries")}
        yield lambda step, done, total: progress.update(bars[step], completed=done, total=total)


class _Lines:
    def __init__(self, output: Output) -> None:
        self._output = output
        self._said: dict[str, int] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        share = STEP_SHARE * done // max(1, total)
        if share > self._said.get(step, 0):
            self._said[step] = share
            self._output.note(f"{step} {done:,}/{total:,}")


def show(output: Output, result: dict[str, Any]) -> None:
    modes = result["modes"]
    measures = list(next(iter(modes.values())))
    rows = [
        (mode, *(f"{values[measure]:.4f}" for measure in measures))
        for mode, values in modes.items()
    ]
    output.table(("mode", *measures), rows)
    output.note(f"{result['documents']:,} documents, {result['queries']:,} queries")
