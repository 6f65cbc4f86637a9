"""Testing a module in a process of its own, which may die without harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from domain.errors import InvalidModuleError
from domain.models.modules import Check, ModuleKind

LAST_WORDS = 500
STARTING_SECONDS = 30.0
"""What the interpreter may need before the module's own time begins."""


@dataclass(frozen=True, slots=True)
class TestLimits:
    seconds: float
    memory_bytes: int

    __test__ = False


@dataclass(frozen=True, slots=True)
class TestOrder:
    """What to test: a class by its locator, in ``directory`` or installed, on sample files."""

    kind: ModuleKind
    locator: str
    directory: Path | None
    samples: Sequence[Path] = ()

    __test__ = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the module calls itself, and how it did."""

    name: str
    version: str
    checks: Sequence[Check]


def test_apart(order: TestOrder, limits: TestLimits) -> Seen:
    """Run the self-test in a fresh process without our settings and secrets. Blocks.

    Raises:
        InvalidModuleError: no class, no version, or the process died before it could say
            anything; the message says how.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-self-test-") as directory:
        result = Path(directory) / "result.json"
        said = _run(order, limits, result)
        if not result.exists():
            raise InvalidModuleError(f"the self-test of {order.locator} {said}")
        seen = json.loads(result.read_text("utf-8"))
    if "error" in seen:
        raise InvalidModuleError(seen["error"])
    return Seen(seen["name"], seen["version"], [Check(**check) for check in seen["checks"]])


test_apart.__test__ = False  # type: ignore[attr-defined]


def _run(order: TestOrder, limits: TestLimits, result: Path) -> str:
    """Run the process to its end; returns how it ended, as the rest of a sentence."""
    process = subprocess.Popen(
        (sys.executable, "-m", "actors.modules.probe", str(result)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=result.parent,
        env=_bare_environment(),
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(
            _order_json(order, limits), timeout=limits.seconds + STARTING_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {limits.seconds:g} seconds"
    finally:
        _end_family(process)
    return _ending(process.returncode, output, limits)


def _order_json(order: TestOrder, limits: TestLimits) -> bytes:
    text = json.dumps(
        {
            "kind": order.kind,
            "locator": order.locator,
            "directory": str(order.directory) if order.directory else None,
            "samples": [(path.name, str(path.absolute())) for path in order.samples],
            "seconds": limits.seconds,
            "memory_bytes": limits.memory_bytes,
        }
    )
    return text.encode()


def _bare_environment() -> dict[str, str]:
    """What an interpreter needs to find our code, and nothing that it could give away."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}


def _end_family(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has started; it leads a group of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _ending(status: int, output: bytes, limits: TestLimits) -> str:
    if -status in (signal.SIGXCPU, signal.SIGKILL):
        return f"used more than {limits.seconds:g} seconds of a processor, or was killed"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    last_words = output.decode("utf-8", errors="replace").strip()[-LAST_WORDS:]
    return f"ended with status {status}: {last_words or 'it said nothing'}"
