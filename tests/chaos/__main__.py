"""``python -m tests.chaos [--seed N …] [--faults N] [--one-by-one] [--report FILE]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.chaos.report import keep, kept, page
from tests.chaos.run import Form, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument(
        "--one-by-one", action="store_true", help="wait for recovery after each: takes an hour"
    )
    parser.add_argument("--report", type=Path, help="write there what all runs kept so far show")
    parser.add_argument("--note", default="", help="what a reader must know of this machine")
    asked = parser.parse_args()
    form = Form.ONE_BY_ONE if asked.one_by_one else Form.OVERLAPPING
    is_well = True
    for seed in asked.seed:
        print(f"seed {seed}, {form}", flush=True)
        outcome = run(seed, asked.faults, form)
        keep(outcome)
        for problem in outcome.problems:
            print(f"PROBLEM: {problem}", flush=True)
        print(f"seed {seed}: {len(outcome.problems)} problems, {outcome.seconds:.0f} s", flush=True)
        is_well = is_well and not outcome.problems
    if asked.report:
        asked.report.write_text(page(kept(), asked.note), "utf-8")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
