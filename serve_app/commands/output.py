"""What the commands print: JSON or tables on standard output, everything else beside it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from rich.console import Console

MIB = 1024 * 1024


class Output:
    """Results go to standard output, in tables for people, in lines for pipes, or as JSON alone."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> Console:
        from rich.console import Console

        return Console(highlight=False, soft_wrap=True)

    @cached_property
    def side(self) -> Console:
        """Standard error: progress, notes, errors."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, soft_wrap=True)

    def json(self, value: Any) -> None:
        """Print a value as JSON; nothing else may reach standard output."""
        sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")

    def line(self, text: str = "") -> None:
        """A line of the result, in plain text."""
        self.console.print(text, markup=False)

    def note(self, text: str) -> None:
        """A line beside the result."""
        self.side.print(text, markup=False)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table on a terminal, lines with tabs in a pipe."""
        if not self.console.is_terminal:
            for row in rows:
                sys.stdout.write("\t".join(_one_line(cell) for cell in row) + "\n")
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table, soft_wrap=False)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def ledger_text(ledger: Mapping[str, Any] | None) -> str:
    """A ledger in one line: ``12 read = 10 indexed + 2 dropped (blank 2)``."""
    if ledger is None:
        return ""
    parts = [f"{ledger['indexed']:,} indexed"]
    if ledger["unchanged"]:
        parts.append(f"{ledger['unchanged']:,} unchanged")
    if dropped := ledger["dropped"]:
        rules = ", ".join(f"{rule} {count:,}" for rule, count in sorted(dropped.items()))
        parts.append(f"{sum(dropped.values()):,} dropped ({rules})")
    if ledger["failed"]:
        parts.append(f"{ledger['failed']:,} failed")
    return f"{ledger['read']:,} read = {' + '.join(parts)}"


def found_text(progress: Mapping[str, Any]) -> str:
    """How a file's records are found: ``50,000 by words, 5,120 by meaning``."""
    words, meaning = progress["found_by_words"], progress["found_by_meaning"]
    return f"{words:,} by words, {meaning:,} by meaning"


def size_text(size_bytes: float) -> str:
    """A size as people say it: ``3.1 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < 1024 or unit == "GB":
            break
        size_bytes /= 1024
    return f"{size_bytes:,.0f} bytes" if unit == "bytes" else f"{size_bytes:,.1f} {unit}"


def duration_text(seconds: float) -> str:
    """A duration as people say it: ``1 h 04 min``, ``2 min 10 s``, ``4 s``."""
    whole = max(0, round(seconds))
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole} s" if whole else "under a second"
