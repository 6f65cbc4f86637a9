"""``import --dry-run``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.extraction.opening import archive_limits, open_extractor
from actors.settings import Settings
from domain.chunking import ChunkLimits
from domain.errors import HeadraceError
from domain.models.files import ImportOptions
from pipelines.dry_run import DryRunLimits, DryRunReport, EmbedRate, dry_run
from serve_app.client import Upload
from serve_app.commands.connection import load_settings
from serve_app.commands.importing import REFUSED, ImportFailed
from serve_app.commands.output import Output, duration_text, ledger_text, size_text
from serve_app.commands.walking import find_files

READABLE = "readable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One file of a dry run: its report, or the sentence why it would be refused."""

    upload: Upload
    report: DryRunReport | None
    error: str | None

    def to_json(self) -> dict[str, Any]:
        """The entry of ``import --json``, with the estimates beside it."""
        report = self.report
        entry: dict[str, Any] = {
            "id": None,
            "filename": self.upload.filename,
            "status": READABLE if report else REFUSED,
            "source_type": report.source_type if report else None,
            "ledger": report.ledger.to_json() if report else None,
            "error": self.error,
        }
        if report is None:
            return entry
        return entry | {
            "parser": report.parser,
            "size_bytes": report.size_bytes,
            "slices": report.slices,
            "chunks": report.chunks,
            "estimated_seconds": round(report.estimated_seconds, 1),
            "parse_seconds": round(report.parse_seconds, 1),
            "embed_seconds": round(report.embed_seconds, 1),
            "metadata": report.metadata,
            "errors": list(report.errors),
        }


def dry_run_paths(paths: Sequence[Path], options: ImportOptions, output: Output) -> None:
    """Read everything that the paths mean and print what an import would do.

    Raises:
        ImportFailed: at least one file would be refused, or there is none.
    """
    settings = load_settings()
    found, skipped = find_files(paths)
    for one in skipped:
        output.note(f"skipped {one.path}: {one.reason}")
    rate = embed_rate_of(settings)
    findings = [_look_into(upload, options, settings, rate, output) for upload in found]
    if output.as_json:
        total = sum(f.report.estimated_seconds for f in findings if f.report)
        output.json(
            {
                "files": [finding.to_json() for finding in findings],
                "skipped": [{"path": one.path, "reason": one.reason} for one in skipped],
                "estimated_seconds": round(total, 1),
            }
        )
    else:
        _show(output, findings)
    refused = sum(finding.report is None for finding in findings)
    if refused or not findings:
        raise ImportFailed(
            f"{refused} of {len(findings)} files would be refused"
            if findings
            else "there is no file to import"
        )


def _look_into(
    upload: Upload, options: ImportOptions, settings: Settings, rate: EmbedRate, output: Output
) -> Finding:
    ingest = settings.ingest
    limits = DryRunLimits(
        slice_bytes=ingest.slice_bytes,
        chunks=ChunkLimits(ingest.chunk_tokens, ingest.chunk_overlap_tokens),
        archive=archive_limits(settings),
        extractor=open_extractor(settings),
    )
    try:
        with _progress_of(output, upload) as on_progress:
            report = dry_run(
                upload.path,
                filename=upload.filename,
                options=options,
                limits=limits,
                embed_rate=rate,
                clock=time.monotonic,
                on_progress=on_progress,
            )
    except HeadraceError as error:
        return Finding(upload, None, error.message)
    except OSError as error:
        return Finding(upload, None, (error.strerror or str(error)).lower())
    return Finding(upload, report, None)


def embed_rate_of(settings: Settings) -> EmbedRate:
    """The prepared model's measured speed; that of a small machine where none was measured."""
    from actors.adapters.onnx.manifest import ModelManifest
    from actors.adapters.onnx.prepare import MODEL_NAMES, precision_of

    precision = precision_of(settings.embedder.used_backend)
    manifest = ModelManifest.read(settings.model_dir / MODEL_NAMES[precision])
    if manifest is None or not manifest.short_texts_per_second:
        return EmbedRate()
    cores = min(settings.embedder.import_sessions, os.cpu_count() or 1)
    return EmbedRate(
        short_per_second=manifest.short_texts_per_second * cores,
        long_per_second=manifest.long_texts_per_second * cores,
    )


@contextmanager
def _progress_of(output: Output, upload: Upload) -> Iterator[Callable[[int, int], None]]:
    if not output.side.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=output.side, transient=True) as progress:
        bar = progress.add_task(upload.filename, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def _show(output: Output, findings: Sequence[Finding]) -> None:
    rows = [_row(finding) for finding in findings]
    columns = ("file", "source", "size", "ledger", "chunks", "time", "note")
    output.table(columns, rows)
    reports = [finding.report for finding in findings if finding.report]
    for report in reports:
        for error in report.errors:
            output.note(f"would fail: {error}")
    total = sum(report.estimated_seconds for report in reports)
    output.note(f"about {duration_text(total)} to import on this machine; nothing was stored")


def _row(finding: Finding) -> tuple[str, ...]:
    report = finding.report
    if report is None:
        return (finding.upload.filename, "", "", REFUSED, "", "", finding.error or "")
    return (
        finding.upload.filename,
        report.source_type,
        size_text(report.size_bytes),
        ledger_text(report.ledger.to_json()),
        f"{report.chunks:,}",
        duration_text(report.estimated_seconds),
        "",
    )
