"""What correlation decides: which known entity a description is of, and how sure that is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from domain.models.entities import Verdict

Id = TypeVar("Id", bound=Hashable)
"""Whatever the caller names an entity by."""


@dataclass(frozen=True, slots=True)
class TokenStatistics:
    """How common words and values are among the known descriptions of one kind.

    ``counts`` says how many of ``descriptions`` carry each token; the tokens of a description are
    those of ``domain.correlation.tokens_of``. So a store may keep them by adding one to each token
    of a description that comes, and taking one from each of a description that goes.
    """

    descriptions: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate(Generic[Id]):
    """A known entity that a description may be of, and what speaks for and against it."""

    id: Id
    verdict: Verdict


class Outcome(StrEnum):
    LINKED = "linked"
    """One candidate is likely, and much likelier than every other."""
    AMBIGUOUS = "ambiguous"
    """Several are likely, or one is but not enough: for a person to decide."""
    NONE = "none"
    """No candidate is likely."""


@dataclass(frozen=True, slots=True)
class Decision(Generic[Id]):
    """Which of several candidates a description is of.

    ``candidates`` are those that remain, the likeliest first: the one linked, the several that an
    ambiguous description may be of, or none. ``probability`` is that of the first among all that
    were compared and "none of them"; so it is lower than the candidate's own score where there are
    rivals.
    """

    outcome: Outcome
    candidates: tuple[Candidate[Id], ...] = ()
    probability: float = 0.0

    @property
    def linked(self) -> Id | None:
        return self.candidates[0].id if self.outcome is Outcome.LINKED else None
