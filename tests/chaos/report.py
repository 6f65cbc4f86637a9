"""The page about what faults cost: ``docs/reliability.md``, from the runs that were kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from tests.chaos.run import Form, Outcome
from tests.chaos.strikes import Struck

KEPT = Path("build") / "chaos"

_HEAD = """\
# Reliability

Written by the chaos suite (`python -m tests.chaos --report docs/reliability.md`), from its latest
run of each seed. A service with the hash embedder imports files without pause and answers four
questions a second while its parts are struck, in an order that the seed decides. A fault is over
when a file that was uploaded after it has been imported, behind what was queued, and a question is
answered in full. In the end every accepted file must have come to its end with a ledger that adds
up to its rows, and `headrace verify` must find nothing.
"""

_ABOUT = {
    Form.OVERLAPPING: """\
## Faults that overlap

`make chaos`: the next fault strikes 2 to 5 s after the last, whether the service has recovered or
not. A time is that from one fault to the next moment at which all was well, so it has other faults
in it.
""",
    Form.ONE_BY_ONE: """\
## Faults one by one

`python -m tests.chaos --one-by-one`: the next fault strikes when the service has recovered from the
last.
""",
}


def keep(outcome: Outcome) -> None:
    """Replaces what was kept of the same seed and form."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{outcome.form}-{outcome.seed}.json").write_text(json.dumps(asdict(outcome)))


def kept() -> list[Outcome]:
    """All that was kept, by form and seed."""
    outcomes = [_read(path) for path in KEPT.glob("*.json")]
    return sorted(outcomes, key=lambda outcome: (outcome.form, outcome.seed))


def _read(path: Path) -> Outcome:
    fields = json.loads(path.read_text())
    struck = [Struck(**one) for one in fields.pop("struck")]
    return Outcome(struck=struck, form=Form(fields.pop("form")), **fields)


def page(outcomes: Sequence[Outcome], note: str = "") -> str:
    """``note`` says what a reader must know of the machine on which they ran."""
    parts = [_HEAD, *([f"{note}\n"] if note else [])]
    for form, about in _ABOUT.items():
        if of_form := [outcome for outcome in outcomes if outcome.form is form]:
            parts += [about, *_runs(of_form), *_faults(of_form), *_missing(of_form)]
    return "\n".join(parts).rstrip() + "\n"


def _missing(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Faults that no run could have."""
    missing = set.intersection(*(set(outcome.missing) for outcome in outcomes))
    if missing:
        yield f"Not had on the machine that ran it: {', '.join(sorted(missing))}.\n"


def _runs(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield (
        "| seed | faults | files | records | lost, doubled or stuck | questions | not answered "
        "| degraded | uploads sent again | minutes |"
    )
    yield "|" + "---:|" * 10
    for outcome in outcomes:
        yield (
            f"| {outcome.seed} | {len(outcome.struck)} | {outcome.files:,} "
            f"| {outcome.records:,} | {len(outcome.problems)} | {outcome.asked:,} "
            f"| {outcome.unanswered:,} | {outcome.degraded:,} | {outcome.sent_again:,} "
            f"| {outcome.seconds / 60:.1f} |"
        )
    yield ""


def _faults(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield (
        "| fault | times | back after, p50 s | longest s | asked meanwhile | not answered "
        "| degraded |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|"
    by_name: dict[str, list[Struck]] = {}
    for struck in (struck for outcome in outcomes for struck in outcome.struck):
        by_name.setdefault(struck.fault, []).append(struck)
    for name, all_struck in sorted(by_name.items()):
        seconds = [struck.seconds for struck in all_struck]
        yield (
            f"| {name} | {len(all_struck)} | {median(seconds):.1f} | {max(seconds):.1f} "
            f"| {sum(one.asked for one in all_struck):,} "
            f"| {sum(one.unanswered for one in all_struck):,} "
            f"| {sum(one.degraded for one in all_struck):,} |"
        )
    yield ""
