"""Ways of blending, measured on judged collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from benchmarks.relevance_sets import Judged, JudgedSet, mean
from domain.blend_options import BlendOptions, Collapse, FusionMethod
from pipelines.evaluation import measures_of
from pipelines.hit_making import KEYWORD, VECTOR

NDCG = "ndcg@10"
MEASURES = (NDCG, "recall@100", "mrr@10", "success@5")
BOTH = (KEYWORD, VECTOR)
QUERIES_PER_CHOICE = 300

DEFAULT = BlendOptions()
PLAIN = BlendOptions(neighbours=0.0, headings=0.0, collapse=Collapse.NONE)
RANKS = replace(PLAIN, method=FusionMethod.RECIPROCAL_RANK)


@dataclass(frozen=True, slots=True)
class Variant:
    """``is_compared``: what only the words found is compared by vector, too.

    ``by_words``: what only vectors found is scored by words, too.
    """

    name: str
    options: BlendOptions = DEFAULT
    legs: Sequence[str] = BOTH
    is_compared: bool = True
    by_words: bool = True


KEYWORD_ALONE = Variant("keyword", legs=(KEYWORD,))
VECTOR_ALONE = Variant("vector", legs=(VECTOR,))
HYBRID = Variant("hybrid")

STEPS = (
    Variant("reciprocal rank, k = 60", RANKS, is_compared=False, by_words=False),
    Variant("relative score", PLAIN, is_compared=False, by_words=False),
    Variant("… all candidates compared by vector", PLAIN, by_words=False),
    Variant("… and by words", PLAIN),
    Variant("… and their neighbours heard", replace(PLAIN, neighbours=DEFAULT.neighbours)),
    Variant("… and others of their headings", replace(DEFAULT, collapse=Collapse.NONE)),
    HYBRID,
)
"""From plain fusion to the default, a step at a time."""

WITHOUT = (
    Variant("without the comparison by vector", is_compared=False),
    Variant("without the comparison by words", by_words=False),
    Variant("without neighbours", replace(DEFAULT, neighbours=0.0)),
    Variant("without headings", replace(DEFAULT, headings=0.0)),
    Variant("without folding of near-duplicates", replace(DEFAULT, collapse=Collapse.NONE)),
    Variant("by ranks instead of scores", replace(DEFAULT, method=FusionMethod.RECIPROCAL_RANK)),
    Variant("with recency 0.1", replace(DEFAULT, recency=0.1)),
    Variant("with diversity 0.05", replace(DEFAULT, diversity=0.05)),
)
"""The default, one thing changed."""

CHOICES = tuple(
    Variant(
        f"{words}neighbours {neighbours}, headings {headings}, vector {vector}",
        replace(
            DEFAULT,
            neighbours=neighbours,
            headings=headings,
            leg_weights={VECTOR: vector, KEYWORD: round(1 - vector, 2)},
        ),
        by_words=not words,
    )
    for words, (neighbours, headings), vector in product(
        ("", "not by words, "),
        ((0.0, 0.0), (0.3, 0.0), (0.2, 0.3), (0.3, 0.2), (0.3, 0.3), (0.4, 0.3)),
        (0.4, 0.5, 0.6),
    )
)
"""Among these the default was chosen."""


@dataclass(frozen=True, slots=True)
class SetResult:
    """Means over the queries of a set, by variant and measure."""

    name: str
    documents: int
    queries: int
    by_variant: Mapping[str, Mapping[str, float]]

    @property
    def better_leg(self) -> float:
        return max(self.ndcg(KEYWORD_ALONE), self.ndcg(VECTOR_ALONE))

    def ndcg(self, variant: Variant) -> float:
        return self.by_variant[variant.name][NDCG]

    def ratio(self, variant: Variant) -> float:
        """To the better one of both legs."""
        return self.ndcg(variant) / self.better_leg


def measured(judged: JudgedSet, variants: Sequence[Variant]) -> SetResult:
    means = {}
    for variant in {each.name: each for each in (KEYWORD_ALONE, VECTOR_ALONE, *variants)}.values():
        each = [_measures(judged, query, variant) for query in judged.queries]
        means[variant.name] = {name: mean([one[name] for one in each]) for name in MEASURES}
    return SetResult(judged.name, judged.documents, len(judged.queries), means)


def _measures(judged: JudgedSet, query: Judged, variant: Variant) -> dict[str, float]:
    hits = judged.hits(
        query,
        variant.options,
        legs=variant.legs,
        is_compared=variant.is_compared,
        by_words=variant.by_words,
    )
    return measures_of(judged.named(hits), query.gains)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What would have been chosen without a set, and its ratio to the better leg on that set."""

    name: str
    chosen: str
    ratio: float
    default_ratio: float


def leave_one_out(results: Sequence[SetResult]) -> list[LeftOut]:
    """Of every set: the choice that is best on the others, judged on the one left out."""
    return [
        LeftOut(
            left_out.name,
            (chosen := _best([one for one in results if one is not left_out])).name,
            left_out.ratio(chosen),
            left_out.ratio(HYBRID),
        )
        for left_out in results
    ]


def _best(results: Sequence[SetResult]) -> Variant:
    return max(CHOICES, key=lambda choice: mean([one.ratio(choice) for one in results]))
