"""``python -m benchmarks.capacity [--write]``: what a cluster for much data needs, openly derived.

The numbers that it starts from are in ``benchmarks/capacity_figures.py``: change one and run it
again. ``--write`` writes docs/capacity.md instead of printing it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.capacity_figures import Assumed, Relative, measured
from benchmarks.capacity_page import page

OUTPUT = Path(__file__).parent.parent / "docs" / "capacity.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/capacity.md")
    text = page(measured(), Assumed(), Relative())
    if parser.parse_args().write:
        OUTPUT.write_text(text, "utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
