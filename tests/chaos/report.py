"""The page about what faults cost: ``docs/reliability.md``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tests.chaos.run import Outcome, Struck

_HEAD = """\
# Reliability

Written by `make chaos`: a service (embedded profile, hash embedder) imports files without pause
and answers four questions a second while its parts are struck, one fault after the other, in an
order that the seed decides. A fault is over when a file that was uploaded after it has been
imported, behind what was queued, and a question is answered in full. In the end every accepted
file must have come to its end with a ledger that adds up to its rows, and `headrace verify` must
find nothing.
"""


def page(outcomes: Sequence[Outcome]) -> str:
    return "\n".join((_HEAD, *_runs(outcomes), *_faults(outcomes))) + "\n"


def _runs(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| seed | faults | files | records | lost, doubled or stuck | minutes |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for outcome in outcomes:
        yield (
            f"| {outcome.seed} | {len(outcome.struck)} | {outcome.files:,} "
            f"| {outcome.records:,} | {len(outcome.problems)} | {outcome.seconds / 60:.1f} |"
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
        asked = [question for struck in all_struck for question in struck.questions]
        unanswered = sum(question.status != 200 for question in asked)
        degraded = sum(question.is_degraded for question in asked)
        yield (
            f"| {name} | {len(all_struck)} | {median(seconds):.1f} | {max(seconds):.1f} "
            f"| {len(asked):,} | {unanswered:,} | {degraded:,} |"
        )
