"""How callers say in which way to blend: what they leave open is the service's own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from domain.blend_options import BlendOptions, Collapse, FusionMethod
from serve_app.schemas import Name, RequestModel

Weight = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


class Fusion(StrEnum):
    """How rankings become one: by rank alone (``rrf``), or by score relative to the best."""

    RRF = "rrf"
    RELATIVE = "relative"


METHODS = {
    Fusion.RRF: FusionMethod.RECIPROCAL_RANK,
    Fusion.RELATIVE: FusionMethod.RELATIVE_SCORE,
}


class Blending(RequestModel):
    """What may be asked for with every blended answer."""

    source_weights: dict[Name, Weight] | None = Field(
        None, description="How much each source counts.", examples=[{"slack": 1.0, "csv": 0.8}]
    )
    neighbours: Share | None = Field(
        None, description="The share of a score that the hits most like a hit have."
    )
    headings: Share | None = Field(
        None,
        description="The share of a score that the best others under the same heading have.",
    )
    calibration: Share | None = Field(
        None, description="How far each source's best is brought to the best of all."
    )
    recency: Weight | None = Field(
        None, description="The share of its score that a hit of this moment gains."
    )
    half_life_days: Days | None = Field(
        None, description="After which half of that gain is left.", examples=[7]
    )
    source_half_life_days: dict[Name, Days] | None = Field(
        None, description="The same for single sources.", examples=[{"slack": 7, "gong": 90}]
    )
    diversity: Share | None = Field(
        None, description="The share of its score that a hit loses at most after its source's best."
    )
    collapse: Collapse | None = Field(
        None,
        description="Which hits are folded into a better one: `duplicates`, also those of its "
        "`threads`, or `none`.",
    )


def options_of(
    asked: Blending,
    defaults: BlendOptions,
    *,
    fusion: Fusion | None = None,
    weights: Mapping[str, float] | None = None,
    rank_constant: int | None = None,
) -> BlendOptions:
    """The service's ``defaults`` but for what the caller names."""
    named = {
        **asked.model_dump(include=set(Blending.model_fields)),
        "method": METHODS[fusion] if fusion else None,
        "leg_weights": weights,
        "rank_constant": rank_constant,
    }
    return replace(defaults, **{name: value for name, value in named.items() if value is not None})
