"""The keyword leg is asked for its score of what only the vector leg found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.blend_options import Leg
from domain.comparing import continued_by, unheard
from domain.models.search import Match
from domain.ports.search_index import SearchIndex
from pipelines.hit_making import KEYWORD, VECTOR


async def compared_by_words(
    index: SearchIndex, text: str, rankings: Mapping[Leg, Sequence[Match]]
) -> Sequence[Match]:
    """The keyword leg's ranking with what it has to say of the vector leg's records, too.

    Those without any of the words stay unknown to it. Costs one keyword search among as many
    chunks as are missing.

    Raises:
        IndexUnavailableError: the index gave no answer.
    """
    missing = unheard(rankings[KEYWORD], rankings[VECTOR])
    if not missing:
        return rankings[KEYWORD]
    return continued_by(rankings[KEYWORD], await index.score_keyword(text, missing))
