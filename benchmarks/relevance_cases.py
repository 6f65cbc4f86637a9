"""What recency, diversity and folding are for, each on cases with labels.

- Recency: documents that exist in versions (``final_…``, ``latest_…``) with times. Who asks for one
  the day after its last version was written means that version.
- Diversity: questions whose evidence lies in several sources. How many of these sources have a
  relevant hit among the first ten?
- Folding: of hits that say the same, one is shown. They should be judged alike for the question,
  and their places go to other hits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.relevance_sets import JudgedSet, Question, mean, moment_of
from benchmarks.relevance_variants import DEFAULT
from domain.blend_options import BlendOptions, Collapse
from domain.collapsing import says_the_same
from domain.models.search import Candidate, Hit
from pipelines.evaluation import Collection, measures_of

VERSIONS = "versions"
VERSION_WORDS = ("final", "latest")
FIRST = 10
HALF_LIFE_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class Version:
    document: str
    title: str
    moment: datetime


def version_questions(directory: Path) -> list[Question]:
    """One for each document that exists in versions, the day after the last was written."""
    versions: dict[str, list[Version]] = {}
    for document in Collection(directory).documents():
        if version := _version(document):
            versions.setdefault(_base(version.document), []).append(version)
    return [
        _question(base, max(found, key=lambda one: one.moment))
        for base, found in versions.items()
        if len(found) > 1
    ]


def _version(document: Mapping[str, Any]) -> Version | None:
    metadata = document.get("metadata") or {}
    moment = moment_of(metadata.get("time") or "")
    if metadata.get("source") != "document" or moment is None:
        return None
    return Version(str(document["_id"]), document.get("title") or "", moment)


def _base(name: str) -> str:
    return "_".join(part for part in name.split("_") if part not in VERSION_WORDS)


def _question(base: str, last: Version) -> Question:
    text = f"{last.title} of {base.partition('_')[0]}"
    return Question(text, {last.document: 1.0}, VERSIONS, last.moment + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class RecencyResult:
    recency: float
    questions: int
    last_version_first: float
    mrr: float


def recency_case(judged: JudgedSet) -> Iterator[RecencyResult]:
    versions = judged.only(VERSIONS)
    queries = versions.queries if versions else ()
    for recency in (0.0, 0.1, 0.2, 0.5):
        options = replace(DEFAULT, recency=recency, half_life_days=HALF_LIFE_DAYS)
        rankings = [judged.named(judged.hits(query, options, limit=FIRST)) for query in queries]
        pairs = list(zip(rankings, queries, strict=True))
        yield RecencyResult(
            recency,
            len(queries),
            mean([float(ranking[0] in query.gains) for ranking, query in pairs]),
            mean([measures_of(ranking, query.gains)["mrr@10"] for ranking, query in pairs]),
        )


@dataclass(frozen=True, slots=True)
class SourcesResult:
    """``sources_reached``: share of the sources with evidence that the first ten hits reach."""

    option: str
    questions: int
    sources_reached: float
    ndcg: float


def sources_case(judged: JudgedSet, directory: Path) -> Iterator[SourcesResult]:
    source_of = {
        str(each["_id"]): (each.get("metadata") or {}).get("source", "")
        for each in Collection(directory).documents()
    }
    queries = [
        query for query in judged.queries if len({source_of[name] for name in query.gains}) > 1
    ]
    for option, options in _source_options():
        reached, ndcgs = [], []
        for query in queries:
            ranking = judged.named(judged.hits(query, options, limit=FIRST))
            wanted = {source_of[name] for name in query.gains}
            seen = {source_of[name] for name in ranking if name in query.gains}
            reached.append(len(seen) / len(wanted))
            ndcgs.append(measures_of(ranking, query.gains)["ndcg@10"])
        yield SourcesResult(option, len(queries), mean(reached), mean(ndcgs))


def _source_options() -> Iterator[tuple[str, BlendOptions]]:
    yield "default", DEFAULT
    for diversity in (0.05, 0.1, 0.2):
        yield f"diversity {diversity}", replace(DEFAULT, diversity=diversity)
    for calibration in (0.1, 0.25):
        yield f"calibration {calibration}", replace(DEFAULT, calibration=calibration)


@dataclass(frozen=True, slots=True)
class FoldingResult:
    """Of the first ten hits without folding: how many a better one of them repeats.

    ``judged_alike``: share of these that have the judgment of what they repeat.
    """

    name: str
    queries: int
    repeated: int
    judged_alike: float
    ndcg_without: float
    ndcg_with: float


def folding_case(judged: JudgedSet) -> FoldingResult:
    without = replace(DEFAULT, collapse=Collapse.NONE)
    alike: list[float] = []
    ndcgs: list[tuple[float, float]] = []
    for query in judged.queries:
        plain = judged.hits(query, without, limit=FIRST)
        folded = judged.hits(query, DEFAULT, limit=FIRST)
        rankings = judged.named(plain), judged.named(folded)
        left, right = (measures_of(ranking, query.gains)["ndcg@10"] for ranking in rankings)
        ndcgs.append((left, right))
        names = rankings[0]
        for first, second in _repeats(plain):
            is_alike = (names[first] in query.gains) == (names[second] in query.gains)
            alike.append(float(is_alike))
    return FoldingResult(
        judged.name,
        len(judged.queries),
        len(alike),
        mean(alike),
        mean([one for one, _ in ndcgs]),
        mean([other for _, other in ndcgs]),
    )


def _repeats(hits: Sequence[Hit[Candidate]]) -> Iterator[tuple[int, int]]:
    """Each place that says what an earlier one says, with the earliest such."""
    texts = [hit.candidate.text for hit in hits]
    for second, text in enumerate(texts):
        for first in range(second):
            if says_the_same(texts[first], text):
                yield first, second
                break
