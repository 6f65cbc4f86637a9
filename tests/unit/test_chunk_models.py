from __future__ import annotations

import orjson

from domain.models.chunks import LEFT_OUT, MAX_LABELS, Chunk, combined, hit_metadata, labels_of
from domain.models.ids import derive_chunk_id
from domain.models.records import ContentType, Place, Record


def wide(columns: int, **own: object) -> Chunk:
    metadata = {f"column_{number}": f"value {number}" for number in range(columns)}
    record = Record("csv", "1", ContentType.RECORD, "x", Place(0, 1), metadata=metadata)
    return Chunk(derive_chunk_id(record.record_id, 0, "m"), record, 0, "x", 0, 1, own)


def test_a_narrow_record_shows_all_its_metadata() -> None:
    assert hit_metadata(wide(10)) == wide(10).record.metadata


def test_a_wide_record_shows_the_first_of_its_metadata_and_how_many_are_left_out() -> None:
    shown = hit_metadata(wide(5_000))

    assert len(orjson.dumps(shown)) < 8_192
    assert shown[LEFT_OUT] == 5_000 - (len(shown) - 1)


def test_a_wide_record_has_a_bounded_number_of_labels() -> None:
    assert len(labels_of(wide(5_000))) == MAX_LABELS


def test_what_a_chunk_itself_says_comes_first_and_before_its_record() -> None:
    chunk = wide(2, speaker="Ada", column_1="own")

    assert list(hit_metadata(chunk).items()) == [
        ("speaker", "Ada"),
        ("column_1", "own"),
        ("column_0", "value 0"),
    ]
    assert "speaker=Ada" in labels_of(chunk)
    assert "column_1=value 1" not in labels_of(chunk)


def test_metadata_of_several_lists_what_differs() -> None:
    turns = [
        {"speaker": "Ada", "page": 1, "start_seconds": 0, "end_seconds": 5, "tags": ["a", "b"]},
        {"speaker": "Bob", "page": 1, "start_seconds": 5, "end_seconds": 9, "tags": ["b", "c"]},
    ]

    assert combined(turns) == {
        "speaker": ["Ada", "Bob"],
        "page": 1,
        "start_seconds": 0,
        "end_seconds": 9,
        "tags": ["a", "b", "c"],
    }


def test_metadata_of_one_stays_as_it_is() -> None:
    assert combined([{"page": 1, "tags": ["a"]}]) == {"page": 1, "tags": ["a"]}
