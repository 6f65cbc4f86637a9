from __future__ import annotations

from collections.abc import Iterator

from domain.models.records import (
    ContentType,
    DroppedItem,
    ParsedItem,
    Place,
    Record,
    RejectedItem,
)
from pipelines.batches import batched, next_batch


def record(number: int) -> Record:
    return Record(
        "csv", str(number), ContentType.RECORD, "text", Place(number * 10, number * 10 + 10)
    )


def three_kinds() -> Iterator[ParsedItem]:
    yield record(0)
    yield DroppedItem("blank_row", Place(10, 12))
    yield RejectedItem("broken", Place(12, 20))


def test_a_batch_counts_every_kind_of_item() -> None:
    batch = next_batch(three_kinds(), records=10)

    assert (len(batch.records), batch.dropped["blank_row"], len(batch.rejected)) == (1, 1, 1)


def test_a_batch_knows_how_many_bytes_it_stands_for() -> None:
    assert next_batch(three_kinds(), records=10).bytes_read == 20


async def test_batches_hold_all_records_once_and_in_order() -> None:
    items = (record(number) for number in range(25))

    batches = [batch async for batch in batched(items, records=10)]

    assert [len(batch.records) for batch in batches] == [10, 10, 5]
    assert [r.native_id for batch in batches for r in batch.records] == [str(n) for n in range(25)]


async def test_a_slice_of_nothing_but_dropped_items_comes_in_bounded_batches() -> None:
    items = (DroppedItem("blank_row", Place(n, n + 1)) for n in range(1_000))

    batches = [batch async for batch in batched(items, records=10)]

    assert sum(batch.items_read for batch in batches) == 1_000
    assert max(batch.items_read for batch in batches) <= 80
