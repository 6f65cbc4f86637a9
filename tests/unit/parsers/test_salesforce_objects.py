"""Salesforce's JSON: query results and sObject trees."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from domain.models.records import DroppedItem, Record
from domain.parsers.detection import detect
from domain.parsers.salesforce import SalesforceParser
from domain.references import resolved
from tests.builders import items_in

SALESFORCE = SalesforceParser()
ACCOUNT, DEAL, CONTACT = "001A0000006Vm9rIAC", "006A0000001YtCrIAK", "003A0000006Vm9rIAC"


def sobject(type: str, id: str | None = None, **fields: Any) -> dict[str, Any]:
    url = f"/services/data/v59.0/sobjects/{type}/{id}"
    return {"attributes": {"type": type, "url": url}, **({"Id": id} if id else {}), **fields}


def page(*records: Any, **fields: Any) -> dict[str, Any]:
    return {"totalSize": len(records), "done": True, **fields, "records": list(records)}


def tree(type: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": type, "referenceId": name}, **fields}


def read(value: Any, filename: str = "x.json", **context: Any) -> list[Any]:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert detect(io.BytesIO(content), filename).name == "salesforce"
    return items_in(SALESFORCE, content, filename=filename, source_type="salesforce", **context)


def told(items: list[Any]) -> list[str]:
    names = {key: name for item in items for key, name in item.names.items()}
    return [resolved(item, names).content for item in items]


def test_a_query_result_is_its_records() -> None:
    account = sobject("Account", ACCOUNT, Name="Kestermill Paper", AnnualRevenue=1e6)
    deal = sobject("Opportunity", DEAL, Name="Renewal", AccountId=ACCOUNT, IsWon=True)
    items = read(page(account, deal))
    assert [item.native_id for item in items] == [f"Account:{ACCOUNT}", f"Opportunity:{DEAL}"]
    assert told(items) == [
        "Account Kestermill Paper: annual revenue 1,000,000.",
        "Opportunity Renewal of account Kestermill Paper: won.",
    ]


def test_the_same_record_from_a_table_has_the_same_identity_and_text() -> None:
    (item,) = read(page(sobject("Opportunity", DEAL, Name="Renewal", StageName="Won", Amount=5)))
    table = f"Id,Amount,Name,StageName\n{DEAL},5,Renewal,Won\n".encode()
    (row,) = items_in(SALESFORCE, table, filename="Opportunity.csv", source_type="salesforce")
    assert isinstance(row, Record)
    assert (row.native_id, row.content) == (item.native_id, item.content)
    assert row.metadata | {"_list": "records"} == item.metadata


def test_children_are_records_that_name_their_parent() -> None:
    contacts = page(sobject("Contact", CONTACT, Name="Imke"), done=False, nextRecordsUrl="/next")
    parent, child = read(
        page(sobject("Account", ACCOUNT, Name="Acme", Contacts=contacts, Cases=None))
    )
    assert parent.metadata["Contacts.nextRecordsUrl"] == "/next"
    assert "Contacts" not in parent.metadata
    assert child.metadata["AccountId"] == ACCOUNT
    assert told([parent, child])[1] == "Contact Imke of account Acme."
    assert parent.place != child.place


def test_children_that_know_their_parent_get_no_second_lookup() -> None:
    notes = page(sobject("Note__c", "a0XA0000006Vm9rIAC", Owner__c=ACCOUNT))
    _, child = read(page(sobject("Account", ACCOUNT, Notes__r=notes)))
    assert "AccountId" not in child.metadata


def test_a_looked_up_name_stands_in_for_the_reference() -> None:
    account = sobject("Account", None, Name="Acme", Industry="Paper")
    (item,) = read(page(sobject("Opportunity", DEAL, AccountId=ACCOUNT, Account=account)))
    assert resolved(item, {}).content == "Opportunity of account Acme: account industry Paper."
    assert resolved(item, {f"salesforce:{ACCOUNT}": "New"}).metadata["Account"] == "New"
    assert item.metadata["Account.Industry"] == "Paper"


def test_an_id_is_found_in_the_address() -> None:
    record = sobject("Account", None, Name="Acme")
    record["attributes"]["url"] = f"/services/data/v59.0/sobjects/Account/{ACCOUNT}"
    (item,) = read(page(record))
    assert item.native_id == f"Account:{ACCOUNT}"


def test_pages_follow_each_other_in_lines_and_arrays() -> None:
    pages = [page(sobject("Account", ACCOUNT)), page(sobject("Opportunity", DEAL))]
    lines = b"\n".join(json.dumps(one).encode() for one in pages)
    kinds = [[item.metadata["object"] for item in read(form)] for form in (pages, lines)]
    assert kinds == [["Account", "Opportunity"]] * 2


def test_a_page_without_records_holds_no_item() -> None:
    assert read(page()) == []


def test_soft_deleted_records_are_dropped() -> None:
    (item,) = read(page(sobject("Account", ACCOUNT, IsDeleted=True)))
    assert (item.rule, item.tombstone.native_id) == ("soft_deleted", f"Account:{ACCOUNT}")


def test_typed_values_stay_typed() -> None:
    fields = {"A__c": 0, "B__c": False, "C__c": 1, "D__c": [], "E__c": ["x", "y"], "F__c": None}
    (item,) = read(page(sobject("Account", ACCOUNT, **fields)))
    seen = {key: item.metadata.get(key) for key in fields}
    assert seen == fields | {"D__c": None}
    assert [type(seen[key]) for key in ("A__c", "B__c", "C__c")] == [int, bool, int]


def test_a_compound_address_is_told_in_one_piece() -> None:
    address = {"street": "Weg 1", "city": "Bonn", "latitude": None}
    (item,) = read(page(sobject("Account", ACCOUNT, BillingAddress=address)))
    assert item.content == "Account: billing address Weg 1, Bonn."
    assert item.metadata["BillingAddress"] == address


def test_a_long_list_is_a_passage_cut_in_the_metadata() -> None:
    (item,) = read(page(sobject("Account", ACCOUNT, Rows__c=["word"] * 600)))
    assert item.content.count("word") == 600
    assert item.metadata["_truncated"] == ["Rows__c"]


def test_references_of_a_tree_are_resolved_within_its_folder() -> None:
    trees = {"records": [tree("Market__c", "M1", Name="Bonn")]}
    market = read(trees, "a/Markets.json")
    space = {"records": [tree("Space__c", "S1", Name="Loft", Market__c="@M1")]}
    inside, outside = read(space, "a/Spaces.json"), read(space, "b/Spaces.json")
    assert told(market + inside)[1] == "Space Loft: market Bonn."
    assert told(market + outside)[1] == "Space Loft: market @M1."


def test_children_in_a_tree_name_their_parent() -> None:
    child = tree("Bed__c", "B1", Name="Bunk")
    parent = tree("Room__c", "R1", Name="Attic", Beds__r={"records": [child]})
    assert told(read({"records": [parent]})) == ["Room Attic.", "Bed Bunk: room Attic."]


def test_the_same_reference_in_another_data_set_is_another_record() -> None:
    one, other = (
        read({"records": [tree("Account", "AccountRef1", Name=name)]})[0].native_id
        for name in ("Acme", "Bolt")
    )
    assert one != other


def test_steps_of_a_plan_are_dropped_by_name() -> None:
    plan = [{"sobject": "Account", "saveRefs": True, "files": ["Accounts.json"]}] * 2
    items = read(plan, "data-plan.json")
    assert [item.rule for item in items if isinstance(item, DroppedItem)] == ["import_plan"] * 2


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([{"attributes": {"type": "Shirt", "size": "L"}}], id="other-attributes"),
        pytest.param([{"attributes": {"type": 3, "url": "x"}}], id="type-is-no-name"),
        pytest.param({"records": [{"a": 1}]}, id="other-records"),
        pytest.param([{"sobject": "Account"}], id="no-plan"),
        pytest.param([1, 2], id="numbers"),
    ],
)
def test_other_json_is_left_to_the_json_parser(value: Any) -> None:
    assert detect(io.BytesIO(json.dumps(value).encode()), "x.json").name == "json"


def test_what_stands_between_the_records_is_not_lost() -> None:
    values = [sobject("Account", ACCOUNT), "a line", {"Name": "loose"}, {"records": [7]}]
    lines = b"\n".join(json.dumps(value).encode() for value in values)
    items = read(lines, "notes.json")
    assert [item.metadata["object"] for item in items] == ["Account", "notes", "notes", "notes"]


def test_many_kinds_of_records_keep_few_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.parsers.salesforce_json._PLANS_KEPT", 2)
    records = [sobject("Account", ACCOUNT, **{f"F{n}__c": n}) for n in range(5)]
    assert [item.metadata[f"F{n}__c"] for n, item in enumerate(read(page(*records)))] == [*range(5)]


def test_any_cutting_gives_the_same_items() -> None:
    deals = [sobject("Opportunity", DEAL, Name=f"Deal {n}") for n in range(50)]
    assert read(deals, slice_bytes=500) == read(deals)


def test_json_is_accepted_by_its_content() -> None:
    assert SALESFORCE.accepts(io.BytesIO(json.dumps(page(sobject("Account", ACCOUNT))).encode()))
    assert not SALESFORCE.accepts(io.BytesIO(b'[{"a": 1}]'))


def test_what_stands_beside_a_streamed_list_is_read_too() -> None:
    deals = [sobject("Opportunity", DEAL, Name="x" * 1000) for _ in range(1100)]
    notes = [sobject("Note__c", "a0XA0000006Vm9rMAC", Name="beside")]
    items = read({"records": deals, "more": notes})
    assert (len(items), items[-1].title) == (1101, "beside")


def test_what_is_no_record_among_children_is_not_lost() -> None:
    account = sobject("Account", ACCOUNT, Contacts={"records": [7]})
    assert [item.metadata.get("value") for item in read(page(account))] == [None, 7]


def test_a_record_without_any_identity_is_known_by_its_place() -> None:
    record = {"attributes": {"type": "AggregateResult", "url": None}, "Amount": 5}
    (item,) = read(page(record))
    assert item.native_id.startswith("AggregateResult:")


def test_a_record_too_large_is_rejected_with_its_raw_bytes() -> None:
    (item,) = read(page(sobject("Account", ACCOUNT, Description="x" * 1_000_001)))
    assert item.raw
