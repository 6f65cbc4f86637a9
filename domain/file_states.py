"""Which status a file import may take next."""

from __future__ import annotations

from typing import assert_never

from domain.errors import ConflictError
from domain.models.events import Event, FileProcessed, FileUploaded, IndexingCompleted
from domain.models.files import ProcessingStatus as S

_NEXT: dict[S, frozenset[S]] = {
    S.PENDING: frozenset({S.VALIDATING, S.FAILED, S.DELETING}),
    S.VALIDATING: frozenset({S.QUEUED, S.FAILED, S.DELETING}),
    S.QUEUED: frozenset({S.PROCESSING, S.FAILED, S.DELETING}),
    S.PROCESSING: frozenset({S.INDEXING, S.QUEUED, S.FAILED, S.DELETING}),
    S.INDEXING: frozenset({S.COMPLETED, S.COMPLETED_WITH_ERRORS, S.FAILED, S.DELETING}),
    S.COMPLETED: frozenset({S.PENDING, S.DELETING}),
    S.COMPLETED_WITH_ERRORS: frozenset({S.PENDING, S.DELETING}),
    S.FAILED: frozenset({S.PENDING, S.INDEXING, S.DELETING}),
    S.DELETING: frozenset(),
}

FINAL_STATUSES = frozenset({S.COMPLETED, S.COMPLETED_WITH_ERRORS, S.FAILED})
"""The file rests here until somebody replays or deletes it."""


def check_transition(current: S, to: S) -> None:
    """Let a status stay as it is or move on as the file's life allows.

    Staying is allowed because every step may run twice.

    Raises:
        ConflictError: a file in ``current`` cannot become ``to``.
    """
    if to != current and to not in _NEXT[current]:
        raise ConflictError(f"a file that is {current} cannot become {to}", current=current, to=to)


def statuses_before(to: S) -> tuple[S, ...]:
    """Those that a file may move from to become ``to``."""
    return tuple(status for status, following in _NEXT.items() if to in following)


def statuses_awaiting(event: Event) -> tuple[S, ...]:
    """The statuses in which a file cannot go on without the event, the earliest first."""
    match event:
        case FileUploaded():
            return (S.PENDING, S.VALIDATING)
        case FileProcessed():
            return (S.INDEXING,)
        case IndexingCompleted():
            return ()
        case _:
            assert_never(event)
