"""Make ``.venv`` ready: packages, Headrace itself, and the embedding model.

``python3 tools/setup.py [--dev]`` runs with the standard library alone. It is quick when nothing
has changed: a stamp in the environment says what it was made from.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
RUNTIME_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
HEARTBEAT_SECONDS = 15

PIP = (
    *(str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input"),
    *("--disable-pip-version-check", "--no-compile", "--progress-bar", "off"),
)

# Asks the installed torch which packages it needs that the lock leaves to it (CUDA's, on Linux).
GPU_PACKAGES = """
import importlib.metadata, re, sys
locked = {name.lower() for name in sys.argv[1:]}
for line in importlib.metadata.requires("torch") or []:
    name = re.match(r"[A-Za-z0-9._-]+", line)[0].lower().replace("_", "-")
    if name not in locked and name != "setuptools" and "extra ==" not in line:
        print(line)
"""


IMPORTED = (
    "import serve_app.node, serve_app.deployments, serve_app.demo, actors.index_writer, "
    "actors.adapters.tantivy_faiss.index, actors.adapters.onnx.openvino_embedder"
)


class SetupFailed(Exception):
    """Set-up cannot go on; the message says what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="what tests and checks need, too")
    parser.add_argument("--no-model", action="store_true", help="packages only")
    arguments = parser.parse_args()
    started = time.monotonic()
    try:
        with one_at_a_time():
            did_install = install(dev=arguments.dev)
            if not arguments.no_model:
                prepare_model()
    except SetupFailed as failure:
        print(f"set-up failed: {failure}", file=sys.stderr)
        return 1
    if did_install:
        print(f"set-up took {time.monotonic() - started:.0f} s", flush=True)
    return 0


def install(*, dev: bool) -> bool:
    """Install what the locks name; ``False`` when everything was there already."""
    lock = DEV_LOCK if dev else RUNTIME_LOCK
    stamp = ENVIRONMENT / (".headrace-dev" if dev else ".headrace-runtime")
    wanted = fingerprint(lock)
    if stamp.is_file() and stamp.read_text() == wanted:
        return False
    make_environment()
    print(f"installing packages into {ENVIRONMENT.name} (a few minutes the first time)", flush=True)
    with heartbeat("installing"):
        install_side_by_side(lock)
        run([*PIP, "-r", str(lock)], "could not install the packages")
        write_bytecode()
    stamp.write_text(wanted)
    return True


def fingerprint(lock: Path) -> str:
    """Of everything that the environment is made from, its place included."""
    digest = hashlib.sha256()
    for part in (lock.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode()):
        digest.update(hashlib.sha256(part).digest())
    return f"{sys.version_info.major}.{sys.version_info.minor} {digest.hexdigest()}\n"


def make_environment() -> None:
    """Create ``.venv``, or keep it when its Python still works and has the same version."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    probe = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    if PYTHON.exists():
        found = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True)
        if found.returncode == 0 and found.stdout.strip() == version:
            return
    try:
        venv.create(ENVIRONMENT, clear=True, with_pip=True, symlinks=True)
    except (ImportError, subprocess.CalledProcessError) as error:
        raise SetupFailed(
            "this Python cannot make virtual environments; "
            f"on Debian and Ubuntu: apt-get install python{version}-venv"
        ) from error


def install_side_by_side(lock: Path) -> None:
    """Use both cores: torch with what it brings along, and all the rest.

    pip unpacks one package after the other, and torch with CUDA's libraries is four fifths of
    all bytes. What goes wrong here comes to light in the full installation afterwards.
    """
    pins = [line for line in lock.read_text().splitlines() if line and line[0] not in "#-"]
    torch = [pin for pin in pins if pin.startswith("torch==")]
    others = [pin for pin in pins if pin not in torch]
    names = [pin.split("==")[0] for pin in pins]
    with ThreadPoolExecutor(max_workers=2) as pool:
        jobs = [
            pool.submit(install_torch, torch, names),
            pool.submit(install_others, others),
        ]
    for job in jobs:
        job.result()


def install_torch(torch: list[str], locked_names: list[str]) -> None:
    run([*PIP, "--no-deps", *torch], "could not install torch")
    asked = subprocess.run(
        [str(PYTHON), "-c", GPU_PACKAGES, *locked_names], capture_output=True, text=True, check=True
    )
    gpu_packages = asked.stdout.splitlines()
    if gpu_packages:
        run([*PIP, *gpu_packages], "could not install what torch needs")


def install_others(pins: list[str]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
        listing.write("\n".join(pins))
        listing.flush()
        run([*PIP, "--no-deps", "-r", listing.name], "could not install the packages")
    run([*PIP, "--no-deps", "--editable", str(ROOT)], "could not install Headrace itself")


def write_bytecode() -> None:
    """Compile what the service imports, once; otherwise each of its processes does at the first
    start, and where ``PYTHONDONTWRITEBYTECODE`` is set, at every start."""
    inherited = os.environ.items()  # noqa: TID251 - not a setting, and stdlib only
    environment = {k: v for k, v in inherited if k != "PYTHONDONTWRITEBYTECODE"}
    run([str(PYTHON), "-c", IMPORTED], "could not import what was installed", environment)


def prepare_model() -> None:
    """Let the model be prepared, unless it is; that prints its own progress."""
    done = subprocess.run([str(PYTHON), "-m", "actors.adapters.onnx.prepare"], cwd=ROOT)
    if done.returncode != 0:
        raise SetupFailed("could not prepare the model; the lines above say why")


def run(command: list[str], complaint: str, environment: dict[str, str] | None = None) -> None:
    """Run a command in the repository; its output shows only when it fails.

    pip complains on the way about packages that the other installation is yet to bring.

    Raises:
        SetupFailed: it ended with an error.
    """
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr, flush=True)
        raise SetupFailed(f"{complaint}; the lines above say why. Run it again to go on.")


@contextmanager
def heartbeat(doing: str) -> Iterator[None]:
    """Say every few seconds that work goes on."""
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(doing, done.wait), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(doing: str, wait: Callable[[float], bool]) -> None:
    started = time.monotonic()
    while not wait(HEARTBEAT_SECONDS):
        print(f"  {doing}: {time.monotonic() - started:.0f} s", flush=True)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let a second set-up of the same folder wait for the first."""
    with (ROOT / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
