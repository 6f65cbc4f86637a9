"""Salesforce tables: exports, Data Loader, Bulk API, numbered data sets."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.models.records import DroppedItem, Record, RejectedItem, Tombstone
from domain.parsers.archive import ArchiveParser
from domain.parsers.detection import detect
from domain.parsers.salesforce import SalesforceParser
from domain.parsers.salesforce_ids import full_id
from domain.references import references_of, resolved
from tests.builders import described, items_in, records_in, zip_of

SALESFORCE = SalesforceParser()
ACCOUNT, ACCOUNT_SHORT = "001A0000006Vm9rIAC", "001A0000006Vm9r"
OWNER = "005A0000000fNSiIAM"
DEAL = "006A0000001YtCrIAK"
EXPORT = (
    f"Id,IsDeleted,AccountId,Name,StageName,Amount,CloseDate,OwnerId,SystemModstamp\n"
    f"{DEAL},false,{ACCOUNT},Kestermill renewal,Negotiation,45000.0,2025-09-30,{OWNER},"
    f"2025-03-01T10:00:00.000+0000\n"
)


def an_id(prefix: str) -> str:
    """An id of the object whose ids begin so."""
    return str(full_id(f"{prefix}A0000006Vm9r"))


def read(text: str | bytes, filename: str = "Opportunity.csv", **context: Any) -> list[Any]:
    content = text if isinstance(text, bytes) else text.encode()
    return items_in(SALESFORCE, content, filename=filename, source_type="salesforce", **context)


def only(text: str | bytes, filename: str = "Opportunity.csv") -> Record:
    (record,) = read(text, filename)
    assert isinstance(record, Record)
    return record


def cell(column: str, value: str, filename: str = "Opportunity.csv") -> Any:
    quoted = value.replace('"', '""')
    return only(f'Id,{column}\n{DEAL},"{quoted}"\n', filename).metadata.get(column)


def parser_of(content: str, filename: str) -> str:
    return detect(io.BytesIO(content.encode()), filename).name


@pytest.mark.parametrize(
    ("content", "filename", "parser"),
    [
        pytest.param(f"Id,Name\n{DEAL},x\n", "x.csv", "salesforce", id="ids"),
        pytest.param(f"ID\tNAME\n{ACCOUNT_SHORT}\tx\n", "x.txt", "salesforce", id="short-ids"),
        pytest.param("Name,Size__c\nx,1\n", "x.csv", "salesforce", id="custom-field"),
        pytest.param(
            "Id,OwnerId,IsDeleted,CreatedDate,SystemModstamp\n",
            "Phantom__c.csv",
            "salesforce",
            id="header-alone",
        ),
        pytest.param(
            "Name,Parent:Account-Name\nx,y\n", "x.csv", "salesforce", id="loader-relation"
        ),
        pytest.param("id,name\n1,x\n", "Campaign.csv", "salesforce", id="numbered"),
        pytest.param("id,name\n1,x\n", "Fund__c.csv", "salesforce", id="numbered-custom"),
        pytest.param(
            "record_type_id,developer_name\n0122a000000PCxAAAW,HH\n",
            "m.csv",
            "salesforce",
            id="record-types",
        ),
        pytest.param("id,name\n1,x\n", "people.csv", "csv", id="any-table"),
        pytest.param("id,name\n1,x\n", "Event.csv", "csv", id="a-name-that-others-use-too"),
        pytest.param("id,Hobby\n1,x\n", "Contact.csv", "csv", id="fields-of-others"),
        pytest.param('"ID"\n"id#0"\n', "t.csv", "csv", id="template-without-ids"),
        pytest.param("id,word\ninternationally,x\n", "x.csv", "csv", id="words-as-long-as-ids"),
    ],
)
def test_a_table_is_told_by_what_stands_in_it(content: str, filename: str, parser: str) -> None:
    assert parser_of(content, filename) == parser


def test_a_table_that_is_told_to_be_salesforce_is_read_so() -> None:
    content = io.BytesIO(b"Name,Phone\nAcme,1\n")
    assert detect(content, "x.csv", source="salesforce").name == "salesforce"
    assert detect(io.BytesIO(b"plain words"), "x", source="salesforce").name == "text"


def test_a_record_reads_like_a_sentence() -> None:
    record = resolved(only(EXPORT), {f"salesforce:{OWNER}": "Imke Sandvoort"})
    assert record.content == (
        f"Opportunity Kestermill renewal of account {ACCOUNT}: stage Negotiation, amount 45,000, "
        "closes 2025-09-30, owned by Imke Sandvoort."
    )
    assert (record.title, record.author) == ("Kestermill renewal", "Imke Sandvoort")


def test_lookups_refer_to_what_other_records_publish() -> None:
    record = only(EXPORT)
    assert references_of(record) == {f"salesforce:{ACCOUNT}", f"salesforce:{OWNER}"}
    assert record.names == {f"salesforce:{DEAL}": "Kestermill renewal"}
    assert record.metadata["AccountId"] == ACCOUNT
    names = {f"salesforce:{ACCOUNT}": "Kestermill Paper"}
    assert resolved(record, names).metadata["Account"] == "Kestermill Paper"


def test_an_amount_is_told_with_its_currency() -> None:
    record = only(f"Id,Amount,CurrencyIsoCode\n{DEAL},45000,EUR\n")
    assert "amount 45,000 EUR" in record.content
    assert record.metadata["Amount"] == 45000


def test_short_ids_and_capitals_are_the_same_record() -> None:
    loader = only(f"ID,ACCOUNTID,ACCOUNT.NAME\n{DEAL[:15]},{ACCOUNT_SHORT},Kestermill Paper\n", "x")
    assert loader.native_id == f"Opportunity:{DEAL}" == only(EXPORT).native_id
    assert loader.metadata["AccountId"] == ACCOUNT
    assert resolved(loader, {}).metadata["Account"] == "Kestermill Paper"


def test_a_relation_without_its_id_is_told_by_name() -> None:
    record = only(f"Id,Account.Name\n{DEAL},Acme\n")
    assert record.content == "Opportunity of account Acme."


def test_a_lookup_that_holds_no_id_stays_as_it_is() -> None:
    record = only(f"Id,AccountId,Account.Name\n{DEAL},#N/A,Acme\n")
    assert (record.metadata["AccountId"], record.metadata["Account.Name"]) == ("#N/A", "Acme")


def test_the_version_of_no_moment_is_the_least() -> None:
    assert only(f"Id,SystemModstamp\n{DEAL},yesterday\n").version == ""


def test_the_later_copy_has_the_greater_version() -> None:
    seen = [
        only(f"Id,{column}\n{DEAL},{moment}\n").version
        for column, moment in [
            ("LastModifiedDate", "2024-07-24 14:05:57"),
            ("SystemModstamp", "2024-07-24T14:05:58.000Z"),
            ("SystemModstamp", "2024-07-24T16:05:59.000+0200"),
            ("SystemModstamp", "2024-07-24T14:06:00.000+0000"),
        ]
    ]
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    ("column", "value", "meaning"),
    [
        ("CreatedDate", "2024-07-24T14:05:58.000+0000", "2024-07-24T14:05:58Z"),
        ("CreatedDate", "2024-07-24 14:05:58", "2024-07-24T14:05:58Z"),
        ("CloseDate", "2024-07-24", "2024-07-24"),
        ("CloseDate", "7/24/2024", "2024-07-24"),
        ("CloseDate", "2024-99-99T99:99", "2024-99-99T99:99"),
        ("IsWon", "1", True),
        ("HasOpportunityLineItem", "false", False),
        ("Paid__c", "true", True),
        ("Amount", "1.0E7", 10_000_000.0),
        ("Size__c", "007", "007"),
        ("Zip_Code__c", "4770", "4770"),
        ("Colours__c", "red;green", ["red", "green"]),
        ("Remark__c", "red; green", "red; green"),
        ("NextStep", "a;b", "a;b"),
        ("Text__c", "<p>Tom &amp; Jerry</p>", "Tom & Jerry"),
        ("Text__c", "Tom &amp; Jerry", "Tom & Jerry"),
        ("Text__c", "a < b", "a < b"),
        ("Branch__c", "a00A0000009WFupIAG", "a00A0000009WFupIAG"),
        ("BillingAddress", '{"city":"Bonn"}', {"city": "Bonn"}),
        ("NextStep", "{no json}", "{no json}"),
        ("Type", "NA", "NA"),
        ("Type", "NULL", "NULL"),
        ("Type", "None", "None"),
        ("Type", "  ", None),
    ],
)
def test_a_value_has_its_type(column: str, value: str, meaning: object) -> None:
    found = cell(column, value)
    assert found == meaning
    assert type(found) is type(meaning)


def test_a_soft_deleted_row_is_dropped_and_says_which_record_is_gone() -> None:
    row = f"Id,IsDeleted,SystemModstamp\n{DEAL},1,2025-03-01T10:00:00.000Z\n"
    (item,) = read(row)
    tombstone = Tombstone("salesforce", f"Opportunity:{DEAL}", "2025-03-01T10:00:00.000Z")
    assert (item.rule, item.tombstone) == ("soft_deleted", tombstone)


def test_a_repeated_header_is_dropped() -> None:
    items = read(EXPORT + EXPORT.splitlines()[0] + "\n")
    assert [item.rule for item in items if isinstance(item, DroppedItem)] == ["repeated_header"]


@pytest.mark.parametrize("delimiter", ",\t|;^`")
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_delimiter_of_the_bulk_api_is_read_alike(delimiter: str, newline: str) -> None:
    text = EXPORT.replace(",", delimiter).replace("\n", newline)
    record = only(text, "results.txt")
    assert record.content == only(EXPORT).content
    assert parser_of(text, "results.txt") == "salesforce"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "shift_jis"])
def test_the_encoding_makes_no_difference(encoding: str) -> None:
    text = EXPORT.replace("Kestermill renewal", "東京支店の契約を更新する件について話し合う")
    given = only(text.encode(encoding))
    assert given.content_hash() == only(text).content_hash()


def test_extra_cells_are_kept_and_missing_ones_are_absent() -> None:
    row, wide_row = f"{DEAL},x,New\n", f"{DEAL},x,New,more\n"
    wide, narrow, again, *_ = read(f"Id,Name,Type\n{wide_row}{DEAL}\n{wide_row}{row * 4}")
    assert wide.metadata["extra_1"] == again.metadata["extra_1"] == "more"
    assert "Name" not in narrow.metadata


def test_a_row_without_an_id_is_known_by_its_place() -> None:
    one, two, blank = read("Name,Size__c\nx,1\nx,1\n,\n")
    assert one.native_id != two.native_id
    assert not one.names
    assert blank.rule == "blank_row"


def test_a_text_too_long_for_metadata_stands_in_the_content() -> None:
    text = "word " * 600
    record = only(f"Id,PhotoUrl,Description\n{DEAL},{text},{text}\n")
    assert record.metadata["_truncated"] == ["PhotoUrl", "Description"]
    assert record.content.count("word") == 1200


def test_a_record_too_large_is_rejected_with_its_raw_bytes() -> None:
    (item,) = read(f"Id,Description\n{DEAL},{'x' * 1_000_001}\n")
    assert isinstance(item, RejectedItem)
    assert item.raw.startswith(DEAL.encode())


def test_marks_of_references_in_a_text_are_taken_out() -> None:
    marked = "\ue000salesforce:1\ue001x\ue002"
    record = only(f"Id,Name,Description\n{DEAL},{marked},{marked}\n")
    assert not references_of(record)


def test_a_person_is_called_by_first_and_last_name() -> None:
    row = f"Id,FirstName,LastName,Email\n{an_id('003')},Imke,Sandvoort,i@x.example\n"
    assert only(row, "Contact.csv").title == "Imke Sandvoort"


def test_what_has_a_blank_name_is_called_by_its_next_best() -> None:
    row = f"Id,Name,FirstName,LastName,Username\n{an_id('005')},,,,imke@x.example\n"
    assert only(row, "User.csv").title == "imke@x.example"


def test_a_blank_address_is_not_told() -> None:
    assert only(f"Id,BillingStreet,BillingCity\n{ACCOUNT},,\n").content == "Account."


def test_a_case_comment_of_no_case_has_no_thread() -> None:
    assert only(f"Id,ParentId\n{an_id('00a')},\n").thread is None


def test_what_has_no_name_is_called_by_what_it_connects() -> None:
    row = f"Id,ContactId,OpportunityId\n{an_id('00K')},003A0000006Vm9r,{DEAL}\n"
    names = {f"salesforce:{DEAL}": "Renewal", f"salesforce:{an_id('003')}": "Imke"}
    assert resolved(only(row), names).title == "Opportunity Contact Role: Imke – Renewal"
    assert only(f"Id\n{DEAL}\n").title == "Opportunity"


def test_a_task_happens_on_its_day_and_an_email_belongs_to_its_case() -> None:
    task = only(f"Id,ActivityDate,CreatedDate\n{an_id('00T')},2024-05-06,2024-01-01\n")
    assert task.timestamp is not None
    assert task.timestamp.date().isoformat() == "2024-05-06"
    row = f"Id,ParentId,FromAddress\n{an_id('02s')},500A0000006Vm9r,a@x.example\n"
    email = only(row)
    assert (email.thread, email.author) == ("Case:500A0000006Vm9rIAC", "a@x.example")


def test_an_address_is_told_in_one_piece() -> None:
    row = f"Id,BillingStreet,BillingCity,BillingState\n{ACCOUNT},Mühlenweg 1,Bonn,\n"
    assert only(row).content == "Account: billing address Mühlenweg 1, Bonn."


@pytest.mark.parametrize(
    ("filename", "columns", "sobject"),
    [
        ("Accounts (2).csv", "Name", "Account"),
        ("npe01__OppPayment__c.csv", "Name", "npe01__OppPayment__c"),
        ("backup-Branch__c-2.csv", "Name", "Branch__c"),
        ("load.csv", "StageName", "Opportunity"),
        ("load.csv", "Nothing", "load"),
    ],
)
def test_the_object_is_named_by_file_or_fields(filename: str, columns: str, sobject: str) -> None:
    record = only(f"{columns},Size__c\nx,1\n", filename)
    assert record.metadata["object"] == sobject


NUMBERED = {
    "Account.csv": "id,Name,BillingCity\n1,Ångström Mühle,Bonn\n2,Café Paper,Köln\n",
    "Contact.csv": "id,FirstName,account_id,primary_affiliation__c\n1,Imke,2,1\n2,José,1,\n",
    "Gift__c.csv": "id,Amount__c,contact__c\n1,5.0,2\n",
}
ARCHIVE = ArchiveParser()


def packed(members: dict[str, str], encoding: str, filename: str) -> list[Record]:
    content = zip_of({name: text.encode(encoding) for name, text in members.items()})
    return records_in(ARCHIVE, content, filename=filename, source_type="archive")


def identities(records: list[Record]) -> list[tuple[str, str, str]]:
    return sorted((r.source_type, r.native_id, r.content_hash()) for r in records)


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_numbered_records_are_the_same_from_any_encoding(encoding: str) -> None:
    plain = packed(NUMBERED, "utf-8", "npsp.zip")
    assert {record.source_type for record in plain} == {"salesforce"}
    assert identities(packed(NUMBERED, encoding, f"WE_{encoding}.zip")) == identities(plain)


def test_an_object_split_over_two_zips_gives_the_same_records() -> None:
    header, first, second = NUMBERED["Account.csv"].splitlines(keepends=True)
    one = packed(NUMBERED | {"Account.csv": header + first}, "utf-8", "WE_1.zip")
    two = packed({"Account.csv": header + second}, "utf-8", "WE_2.zip")
    assert identities(one + two) == identities(packed(NUMBERED, "utf-8", "all.zip"))


def test_an_encoding_that_lacks_a_character_keeps_the_identity() -> None:
    plain = only("id,Name\n1,Bắc\n", "Account.csv")
    assert only("id,Name\n1,B?c\n", "Account.csv").native_id == plain.native_id


def test_the_same_number_in_another_data_set_is_another_record() -> None:
    one, other = only("id,Name\n1,Acme\n", "Account.csv"), only("id,Name\n1,Bolt\n", "Account.csv")
    assert one.native_id != other.native_id


def test_numbered_lookups_find_their_names_in_the_zip() -> None:
    records = packed(NUMBERED, "utf-8", "npsp.zip")
    names = {key: name for record in records for key, name in record.names.items()}
    told = {record.title: resolved(record, names).content for record in records}
    assert told["Imke"] == (
        "Contact Imke of account Café Paper: primary affiliation Ångström Mühle."
    )
    assert any("contact José" in content for content in told.values())


def test_the_object_and_its_fields_are_shown_with_the_file() -> None:
    found = described(SALESFORCE, EXPORT.encode(), filename="Opportunity.csv")
    assert (found["format"], found["object"], found["encoding"]) == (
        "salesforce",
        "Opportunity",
        "utf-8",
    )


def test_what_is_accepted_is_what_is_recognised() -> None:
    assert SALESFORCE.accepts(io.BytesIO(EXPORT.encode()))
    assert not SALESFORCE.accepts(io.BytesIO(b"a,b\n1,2\n"))


def test_a_cell_of_nothing_but_marks_is_blank() -> None:
    assert cell("Branch__c", "\ue000") is None


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=30)


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=20), st.integers(1, 200))
def test_any_cutting_gives_the_same_items(
    rows: list[tuple[str, str, str]], slice_bytes: int
) -> None:
    lines = ["Id,Name,Note__c,Branch__c\n"]
    for row in rows:
        quoted = ",".join('"' + value.replace('"', '""') + '"' for value in row)
        lines.append(f"{DEAL},{quoted}\n")
    content = "".join(lines)
    assert read(content, slice_bytes=slice_bytes) == read(content)
