"""Ray moves errors between processes by pickling them."""

from __future__ import annotations

import pickle

import pytest

from domain.errors import HeadraceError


def every_kind(root: type[HeadraceError] = HeadraceError) -> list[type[HeadraceError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in every_kind(child))]


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_with_its_message_and_details(
    kind: type[HeadraceError],
) -> None:
    thawed = pickle.loads(pickle.dumps(kind("the disk is full", free_bytes=0)))

    assert (type(thawed), thawed.message, thawed.details) == (
        kind,
        "the disk is full",
        {"free_bytes": 0},
    )
