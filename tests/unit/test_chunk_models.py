from __future__ import annotations

import orjson

from domain.models.chunks import LEFT_OUT, MAX_LABELS, hit_metadata, labels_of
from domain.models.records import ContentType, Place, Record


def wide(columns: int) -> Record:
    metadata = {f"column_{number}": f"value {number}" for number in range(columns)}
    return Record("csv", "1", ContentType.RECORD, "x", Place(0, 1), metadata=metadata)


def test_a_narrow_record_shows_all_its_metadata() -> None:
    assert hit_metadata(wide(10)) == wide(10).metadata


def test_a_wide_record_shows_the_first_of_its_metadata_and_how_many_are_left_out() -> None:
    shown = hit_metadata(wide(5_000))

    assert len(orjson.dumps(shown)) < 8_192
    assert shown[LEFT_OUT] == 5_000 - (len(shown) - 1)


def test_a_wide_record_has_a_bounded_number_of_labels() -> None:
    assert len(labels_of(wide(5_000))) == MAX_LABELS
