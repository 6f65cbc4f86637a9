"""The page ``docs/benchmarks/relevance.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from benchmarks.relevance_cases import HALF_LIFE_DAYS
from benchmarks.relevance_results import RelevanceResults
from benchmarks.relevance_sets import mean
from benchmarks.relevance_variants import (
    CHOICES,
    HYBRID,
    KEYWORD_ALONE,
    MEASURES,
    NDCG,
    QUERIES_PER_CHOICE,
    STEPS,
    VECTOR_ALONE,
    WITHOUT,
    SetResult,
    Variant,
    leave_one_out,
)

PUBLISHED = {"ir-scifact": (0.665, 0.645)}
"""nDCG@10 of BM25 (the BEIR paper) and of all-MiniLM-L6-v2 in float32 (MTEB)."""

PLAIN = {
    "ir-cranfield": (0.425, 0.393),
    "ir-scifact": (0.711, 0.684),
    "ir-cacm": (0.534, 0.458),
    "herb/ir": (0.226, 0.186),
}
"""Stemmed BM25 and int8 MiniLM, one chunk a document, as measured beside the requirement; plain
reciprocal rank fusion of these has a mean ratio of 1.126 to the better one."""

PLAIN_FUSION_RATIO = 1.126


def page(results: RelevanceResults) -> str:
    sections = (
        _head(results.model),
        _quality(results),
        _ratios(results),
        _ablation(results),
        _choice(results),
        _recency(results),
        _sources(results),
        _folding(results),
        _latency(results),
    )
    return "\n".join("\n".join(section) + "\n" for section in sections)


def _head(model: str) -> Iterator[str]:
    yield "# Relevance"
    yield ""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("tantivy", "faiss-cpu", "onnxruntime", "openvino")
    )
    yield (
        f"Written by `python -m benchmarks.relevance DIR… --write` ({packages}). Every collection "
        f"is cut, embedded ({model}) and indexed as the product does it; each leg brings 100 "
        "chunks. One configuration, the default, for all; nothing was trained. "
        "`headrace eval DIR` gives the measures of the default, but for a single leg's recall@100, "
        "since it looks deeper where there are fewer than 100 hits."
    )


def _quality(results: RelevanceResults) -> Iterator[str]:
    yield "## Keyword, vector, hybrid"
    yield ""
    yield "| set | documents | queries | mode | " + " | ".join(MEASURES) + " |"
    yield "|---|---:|---:|---|" + "---:|" * len(MEASURES)
    for one in (*results.sets, *results.english):
        for variant in (KEYWORD_ALONE, VECTOR_ALONE, HYBRID):
            figures = [f"{one.by_variant[variant.name][measure]:.3f}" for measure in MEASURES]
            head = (one.name, f"{one.documents:,}", f"{one.queries:,}", variant.name)
            yield "| " + " | ".join((*head, *figures)) + " |"
    yield ""
    yield "nDCG@10 beside figures of others:"
    yield ""
    yield "| set | keyword | BM25 elsewhere | vector | MiniLM elsewhere | |"
    yield "|---|---:|---:|---:|---:|---|"
    for source, elsewhere in (("published", PUBLISHED), ("one chunk a document", PLAIN)):
        yield from _beside(results.sets, source, elsewhere)


def _beside(
    sets: Sequence[SetResult], source: str, figures: Mapping[str, tuple[float, float]]
) -> Iterator[str]:
    for one in sets:
        if one.name in figures:
            bm25, minilm = figures[one.name]
            own = one.ndcg(KEYWORD_ALONE), one.ndcg(VECTOR_ALONE)
            yield f"| {one.name} | {own[0]:.3f} | {bm25} | {own[1]:.3f} | {minilm} | {source} |"


def _ratios(results: RelevanceResults) -> Iterator[str]:
    yield "## From plain fusion to the default"
    yield ""
    yield "nDCG@10 over that of the better leg of each set:"
    yield ""
    yield from _ratio_table(results.sets, STEPS)
    lined = [one for one in results.sets if one.name in PLAIN]
    if lined:
        ratio = mean([one.ratio(HYBRID) for one in lined])
        yield ""
        yield (
            f"Over {', '.join(one.name for one in lined)} the default's mean ratio is "
            f"{ratio:.3f}; plain fusion of the plain legs has {PLAIN_FUSION_RATIO} there."
        )


def _ablation(results: RelevanceResults) -> Iterator[str]:
    yield "## What each part adds or costs"
    yield ""
    yield "Change of nDCG@10 against the default, one thing changed:"
    yield ""
    yield "| | " + " | ".join(one.name for one in results.sets) + " | mean |"
    yield "|---|" + "---:|" * (len(results.sets) + 1)
    for variant in WITHOUT:
        changes = [one.ndcg(variant) - one.ndcg(HYBRID) for one in results.sets]
        figures = [f"{change:+.4f}" for change in (*changes, mean(changes))]
        yield f"| {variant.name} | " + " | ".join(figures) + " |"


def _choice(results: RelevanceResults) -> Iterator[str]:
    yield "## The choice"
    yield ""
    yield (
        f"Ratios of the configurations that were weighed, up to about {QUERIES_PER_CHOICE} queries "
        "of each set:"
    )
    yield ""
    yield from _ratio_table(results.choices, CHOICES)
    if len(results.choices) > 1:
        yield ""
        yield "Had a set not been there: what the others would have chosen, and what it does there."
        yield ""
        yield "| left out | chosen by the others | its ratio | the default's |"
        yield "|---|---|---:|---:|"
        for one in leave_one_out(results.choices):
            row = f"| {one.name} | {one.chosen} | {one.ratio:.3f} | {one.default_ratio:.3f} |"
            yield row


def _ratio_table(sets: Sequence[SetResult], variants: Sequence[Variant]) -> Iterator[str]:
    yield "| | " + " | ".join(one.name for one in sets) + " | mean |"
    yield "|---|" + "---:|" * (len(sets) + 1)
    for variant in variants:
        ratios = [one.ratio(variant) for one in sets]
        figures = [f"{ratio:.3f}" for ratio in (*ratios, mean(ratios))]
        yield f"| {variant.name} | " + " | ".join(figures) + " |"


def _recency(results: RelevanceResults) -> Iterator[str]:
    yield "## Recency"
    yield ""
    yield (
        "Documents in several versions, asked for by title and project the day after the last "
        f"version was written; half-life {HALF_LIFE_DAYS:g} days:"
    )
    yield ""
    yield "| recency | questions | last version first | MRR@10 |"
    yield "|---:|---:|---:|---:|"
    for one in results.recency:
        yield f"| {one.recency} | {one.questions} | {one.last_version_first:.3f} | {one.mrr:.3f} |"


def _sources(results: RelevanceResults) -> Iterator[str]:
    yield "## Several sources"
    yield ""
    yield (
        "Questions whose evidence lies in several sources: the share of these sources that the "
        "first ten hits reach with a relevant one."
    )
    yield ""
    yield "| | questions | sources reached | ndcg@10 |"
    yield "|---|---:|---:|---:|"
    for one in results.sources:
        yield f"| {one.option} | {one.questions} | {one.sources_reached:.3f} | {one.ndcg:.4f} |"


def _folding(results: RelevanceResults) -> Iterator[str]:
    yield "## Folding of near-duplicates"
    yield ""
    yield (
        "Among the first ten hits without folding: how many repeat a better one, and for how many "
        "of these the judgment is the same."
    )
    yield ""
    yield f"| set | queries | repeats | judged alike | {NDCG} without | with |"
    yield "|---|---:|---:|---:|---:|---:|"
    for one in results.folding:
        alike = f"{one.judged_alike:.3f}" if one.repeated else ""
        figures = f"{one.repeated:,} | {alike} | {one.ndcg_without:.4f} | {one.ndcg_with:.4f}"
        yield f"| {one.name} | {one.queries:,} | {figures} |"


def _latency(results: RelevanceResults) -> Iterator[str]:
    yield "## What it costs a query"
    yield ""
    yield (
        "Milliseconds of 1,000 calls with two legs of 100 candidates, ten hits shown "
        "(`python -m benchmarks.blend_latency`):"
    )
    yield ""
    yield "| | processor p50 | processor p95 | clock p50 | clock p95 |"
    yield "|---|---:|---:|---:|---:|"
    for one in results.latency:
        figures = (one.cpu_p50, one.cpu_p95, one.wall_p50, one.wall_p95)
        yield f"| {one.what} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |"
