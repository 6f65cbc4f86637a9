"""``python -m tests.chaos [--seed N …] [--faults N] [--report FILE]``: what faults cost."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.chaos.report import page
from tests.chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--report", type=Path, help="write the report there")
    asked = parser.parse_args()
    outcomes = []
    for seed in asked.seed:
        print(f"seed {seed}", flush=True)
        outcomes.append(run(seed, asked.faults))
        for problem in outcomes[-1].problems:
            print(f"PROBLEM: {problem}", flush=True)
    text = page(outcomes)
    print(text)
    if asked.report:
        asked.report.write_text(text, "utf-8")
    return 1 if any(outcome.problems for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
