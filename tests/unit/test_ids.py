"""Ids that are made from bytes are ids like any other."""

from __future__ import annotations

import pickle
from uuid import UUID

from hypothesis import given
from hypothesis.strategies import binary

from domain.models.ids import uuid_in


@given(binary(min_size=16, max_size=16))
def test_an_id_read_from_bytes_is_the_one_that_they_spell(packed: bytes) -> None:
    read, made = uuid_in(packed), UUID(bytes=packed)
    assert (read, hash(read), str(read), read.is_safe) == (
        made,
        hash(made),
        str(made),
        made.is_safe,
    )


def test_an_id_read_from_bytes_survives_pickling() -> None:
    read = uuid_in(b"sixteen bytes ..")
    assert pickle.loads(pickle.dumps(read)) == read
