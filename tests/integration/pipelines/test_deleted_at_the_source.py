"""A row that a later Salesforce export marks as deleted."""

from __future__ import annotations

from tests.integration.pipelines.conftest import ImportSide

DEAL = "006A0000009WFupIAG"
HEADER = "Id,IsDeleted,Name,AccountId,StageName,CloseDate,SystemModstamp"


def table(is_deleted: int, modified: str) -> bytes:
    row = f"{DEAL},{is_deleted},Pumps for hall three,,Won,2025-02-01,{modified}"
    return f"{HEADER}\n{row}\n".encode()


async def test_its_record_leaves_every_store_and_the_ledger_names_the_rule(
    import_side: ImportSide,
) -> None:
    await import_side.import_file("before.csv", table(0, "2025-02-01T10:00:00.000Z"))
    assert await import_side.index.count() == 1

    report = await import_side.import_file("after.csv", table(1, "2025-03-01T10:00:00.000Z"))

    assert report.ledger.to_json()["dropped"] == {"soft_deleted": 1}
    assert await import_side.index.count() == 0
    assert await import_side.metadata.records.count() == 0
    assert await import_side.problems() == []
