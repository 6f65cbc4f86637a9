from __future__ import annotations

import pytest

from domain.models.files import ImportOptions, Priority
from domain.priorities import priority_of

LARGE = 65


@pytest.mark.parametrize(
    ("options", "size_bytes", "priority"),
    [
        (ImportOptions(), 1, Priority.INTERACTIVE),
        (ImportOptions(), LARGE, Priority.BULK),
        (ImportOptions(as_job=True), 1, Priority.BULK),
        (ImportOptions(as_job=True, priority=Priority.INTERACTIVE), LARGE, Priority.INTERACTIVE),
        (ImportOptions(priority=Priority.BULK), 1, Priority.BULK),
    ],
    ids=["small", "large", "job", "said interactive", "said bulk"],
)
def test_what_is_said_counts_then_size_and_job(
    options: ImportOptions, size_bytes: int, priority: Priority
) -> None:
    assert priority_of(options, size_bytes, bulk_bytes=LARGE - 1) is priority
