"""Which entities records speak of, by what their parsers leave in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from domain.mentions import extracting
from domain.mentions.keys import email_key, opaque_id_key
from domain.models.entities import EntityKind, Mention, Role
from domain.models.records import ContentType, Place, Record
from domain.parsers.csv import CsvParser
from domain.parsers.gong import GongParser
from domain.parsers.salesforce import SalesforceParser
from domain.parsers.slack import SlackParser
from domain.references import resolved
from tests.builders import records_in, slack_export, slack_message, slack_user
from tests.gong_builders import ADA, CALL_ID, extensive, party, transcript

ADA_IN_SLACK = slack_user(
    "U1", "ada", team_id="T1", profile={"display_name": "ada", "email": "Ada@Tarnbeck.example"}
)
ACCOUNT, CONTACT, OWNER, CASE = (
    "001Tb0000000101IAA",
    "003Tb0000000103IAA",
    "005Tb0000000108IAA",
    "500Tb0000000101IAA",
)


def a_record(content: str = "", source_type: str = "document", **fields: Any) -> Record:
    return Record(source_type, "1", ContentType.DOCUMENT, content, Place(0, 1), **fields)


def mentions_of(record: Record, parser: str = "") -> tuple[Mention, ...]:
    """By the parser that is called as the record's source, unless another is named."""
    return extracting.mentions_of(record, parser or f"{record.source_type}/1")


def slack(*messages: Any) -> list[Record]:
    content = slack_export({"general/2026-01-01": messages}, users=[ADA_IN_SLACK])
    return records_in(SlackParser(), content, source_type="slack")


def table(text: str, source_type: str = "csv") -> Record:
    parser = SalesforceParser() if source_type == "salesforce" else CsvParser()
    (record,) = records_in(
        parser, text.encode(), source_type=source_type, filename="Contact.csv", source=source_type
    )
    return resolved(record, {f"salesforce:{ACCOUNT}": "Kestermill Paper"})


def only(mentions: tuple[Mention, ...], kind: EntityKind, role: Role) -> Mention:
    (found,) = [one for one in mentions if one.described.kind is kind and one.role is role]
    return found


def keys_of(mentions: tuple[Mention, ...], kind: EntityKind) -> set[str]:
    return {key for one in mentions if one.described.kind is kind for key in one.described.keys}


def test_a_slack_author_is_known_by_account_and_address() -> None:
    (record,) = slack(slack_message())
    author = only(mentions_of(record), EntityKind.PERSON, Role.AUTHOR).described
    assert author.keys == {"slack-user:T1/U1", "email:ada@tarnbeck.example"}
    assert author.name == "ada"


def test_whom_a_message_addresses_is_known_by_account_and_address() -> None:
    (record,) = slack(slack_message("<@U1> have a look", user="U2"))
    addressed = only(mentions_of(record), EntityKind.PERSON, Role.REFERENCE).described
    assert addressed.keys == {"slack-user:T1/U1", "email:ada@tarnbeck.example"}


def test_a_bot_is_nobody() -> None:
    (record,) = slack(slack_message(user="U2", bot_id="B1"))
    assert mentions_of(record) == ()


def test_a_thread_is_called_by_its_first_message() -> None:
    parent, reply = slack(
        slack_message("Who has the report?", "1700000000.000100", reply_count=1),
        slack_message("I have", "1700000001.000100", thread_ts="1700000000.000100"),
    )
    threads = [
        only(mentions_of(one), EntityKind.THREAD, Role.SUBJECT).described for one in (parent, reply)
    ]
    assert {key for thread in threads for key in thread.keys} == {
        "slack-thread:C1:1700000000.000100"
    }
    assert [thread.name for thread in threads] == ["Who has the report?", None]


def test_the_host_of_a_call_is_known_by_address_and_account() -> None:
    content = orjson.dumps([extensive(parties=[party(title="Account executive")])])
    (call,) = records_in(GongParser(), content, source_type="gong")
    host = only(mentions_of(call), EntityKind.PERSON, Role.AUTHOR).described
    assert host.keys == {"email:ada@tarnbeck.example", "gong-user:u1"}
    assert host.facts == {"title": "Account executive", "domain": "tarnbeck.example"}


def test_a_party_of_whom_only_the_name_is_known_is_one_of_the_call() -> None:
    stranger = party("Charlie Davis", ADA, userId=None, emailAddress=None)
    content = orjson.dumps([extensive(parties=[stranger])])
    (call,) = records_in(GongParser(), content, source_type="gong")
    assert keys_of(mentions_of(call), EntityKind.PERSON) == {f"gong-party:{CALL_ID}:{ADA}"}


@pytest.mark.parametrize("stranger", [party(), party(userId=None, emailAddress=None)])
def test_a_transcripts_speakers_are_the_parties_of_its_call(stranger: Any) -> None:
    calls = orjson.dumps([extensive(parties=[stranger])])
    (call,) = records_in(GongParser(), calls, source_type="gong")
    (spoken,) = records_in(GongParser(), orjson.dumps([transcript()]), source_type="gong")
    speakers = keys_of(mentions_of(resolved(spoken, call.names)), EntityKind.PERSON)
    assert speakers & keys_of(mentions_of(call), EntityKind.PERSON)


def test_gongs_crm_objects_are_referred_to() -> None:
    context = [{"system": "Salesforce", "objects": [{"objectType": "Account"}]}]
    context[0]["objects"][0]["objectId"] = ACCOUNT[:15]  # type: ignore[index]
    content = orjson.dumps([extensive(context=context)])
    (call,) = records_in(GongParser(), content, source_type="gong")
    assert keys_of(mentions_of(call), EntityKind.ACCOUNT) == {f"salesforce:{ACCOUNT}"}


def test_a_salesforce_contact_is_known_by_id_and_address() -> None:
    contact = table(
        f"Id,AccountId,FirstName,LastName,Email\n{CONTACT},{ACCOUNT},Lotte,Abernay,L@k.example\n",
        "salesforce",
    )
    subject = only(mentions_of(contact), EntityKind.PERSON, Role.SUBJECT).described
    assert subject.keys == {f"salesforce:{CONTACT}", "email:l@k.example"}
    assert (subject.name, subject.facts["company"]) == ("Lotte Abernay", "Kestermill Paper")


def test_an_address_beside_a_lookup_is_of_the_same_person() -> None:
    case = table(
        f"Id,CaseNumber,OwnerId,Owner.Name,Owner.Email\n{CASE},00001187,{OWNER},Teo,T@k.example\n",
        "salesforce",
    )
    owner = only(mentions_of(case), EntityKind.PERSON, Role.REFERENCE).described
    assert owner.keys == {f"salesforce:{OWNER}", "email:t@k.example"}
    assert owner.name == "Teo"


def test_a_case_is_known_by_its_number_as_people_write_it() -> None:
    case = table(f"Id,CaseNumber,Subject\n{CASE},00001187,Too dry\n", "salesforce")
    note = a_record("see Case #01187 for details")
    assert keys_of(mentions_of(note), EntityKind.CASE) <= keys_of(
        mentions_of(case), EntityKind.CASE
    )


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("write to Ann.Lee@k.example.", EntityKind.PERSON, "email:ann.lee@k.example"),
        (
            f"https://acme.lightning.force.com/lightning/r/Account/{ACCOUNT[:15]}/view",
            EntityKind.ACCOUNT,
            f"salesforce:{ACCOUNT}",
        ),
        (
            f"the account (acme.lightning.force.com/lightning/r/Account/{ACCOUNT}/view)",
            EntityKind.ACCOUNT,
            f"salesforce:{ACCOUNT}",
        ),
        (f"https://acme.my.salesforce.com/{CASE}", EntityKind.CASE, f"salesforce:{CASE}"),
        (
            "https://us-1.app.gong.io/call?id=7782342274025937895&x=1",
            EntityKind.CALL,
            "gong-call:7782342274025937895",
        ),
        (
            "https://acme.slack.com/archives/C1/p1700000009000200?thread_ts=1700000000.000100",
            EntityKind.THREAD,
            "slack-thread:C1:1700000000.000100",
        ),
        (
            "https://acme.slack.com/archives/C1/p1700000000000100",
            EntityKind.THREAD,
            "slack-thread:C1:1700000000.000100",
        ),
    ],
)
def test_a_text_names_entities_by_addresses_and_links(
    text: str, kind: EntityKind, key: str
) -> None:
    assert keys_of(mentions_of(a_record(text)), kind) == {key}


@pytest.mark.parametrize(
    "text",
    [
        "noreply@k.example",
        "https://k.example/001Tb0000000101IAA",
        "case 12",
        "in any case 2026 was",
        "@ann at example.com",
    ],
)
def test_a_text_names_nobody_by_what_only_looks_like_it(text: str) -> None:
    assert mentions_of(a_record(text)) == ()


def test_a_row_with_a_name_and_a_job_is_a_person() -> None:
    row = table("Id,Name,Title,AccountName\nCUST-0001,Frank Lewis,CTO,BlueWave\n")
    mentions = mentions_of(row)
    subject = only(mentions, EntityKind.PERSON, Role.SUBJECT).described
    assert subject.keys == {f"record:{row.record_id}"}
    assert (subject.name, subject.facts) == ("Frank Lewis", {"title": "CTO", "company": "BlueWave"})
    assert only(mentions, EntityKind.ACCOUNT, Role.REFERENCE).described.name == "BlueWave"


def test_a_row_with_an_address_is_known_by_it() -> None:
    row = table("full name,E-Mail,owner_name,owner_email\nAnn Lee,a@k.example,Bo,b@k.example\n")
    subject = only(mentions_of(row), EntityKind.PERSON, Role.SUBJECT).described
    owner = only(mentions_of(row), EntityKind.PERSON, Role.REFERENCE).described
    assert subject.keys == {"email:a@k.example"}
    assert (owner.keys, owner.name) == ({"email:b@k.example"}, "Bo")


ROWS_WITH_COLUMNS_OF_OTHERS = [
    {"channel_id": "7", "user_id": "U1", "name": "Ann Lee", "email": "a@k.example"},
    {"call_id": "7", "name": "Ann Lee", "email": "a@k.example"},
    {"object": "Contact", "Id": "7", "name": "Ann Lee", "email": "a@k.example"},
]


@pytest.mark.parametrize("row", ROWS_WITH_COLUMNS_OF_OTHERS)
@pytest.mark.parametrize("source", ["csv", "crm_dump"])
def test_a_column_that_another_source_has_too_makes_no_row_that_sources(
    row: dict[str, Any], source: str
) -> None:
    mentions = mentions_of(a_record(source_type=source, metadata=row), "csv/2")
    assert "email:a@k.example" in keys_of(mentions, EntityKind.PERSON)
    assert {one.described.kind for one in mentions} == {EntityKind.PERSON}


@pytest.mark.parametrize("source", ["slack", "tarnbeck"])
def test_what_was_unpacked_is_read_as_what_it_is(source: str) -> None:
    (message,) = slack(slack_message())
    unpacked = replace(message, source_type=source)
    assert mentions_of(unpacked, "archive/2") == mentions_of(message)


def test_a_call_that_was_unpacked_is_a_call() -> None:
    (call,) = records_in(GongParser(), orjson.dumps([extensive(parties=[party()])]))
    assert mentions_of(replace(call, source_type="calls"), "gzip/2") == mentions_of(call, "gong/1")


def test_a_free_mail_service_is_no_employer() -> None:
    row = table("name,email\nAnn Lee,ann@zoho.com\n")
    assert only(mentions_of(row), EntityKind.PERSON, Role.SUBJECT).described.facts == {}


def test_a_row_about_a_thing_is_no_person() -> None:
    row = table("name,price,stock\nHumidity probe,12,4\n")
    assert mentions_of(row) == ()


@pytest.mark.parametrize("text", ["CUST-0001", "4711", "jsmith01", "12345678", "general"])
def test_an_id_that_is_given_in_many_places_is_no_key(text: str) -> None:
    assert opaque_id_key(text) is None


@pytest.mark.parametrize(
    "text", ["eid_9b023657", "U024BE7LH", "efb73819", "7f9c24e8-3b12-4a5f-9d0e-1c2b3a4d5e6f"]
)
def test_an_id_that_looks_drawn_at_random_is_a_key(text: str) -> None:
    assert opaque_id_key(text) == f"id:{text.lower()}"


@pytest.mark.parametrize("text", ["", "ann", "ann@", "a b@k.example", "mailer-daemon@k.example"])
def test_what_is_no_persons_address_is_no_key(text: str) -> None:
    assert email_key(text) is None


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a'" * 100_000 + "@x", id="address"),
        pytest.param("force.com/salesforce.com/" * 8_000, id="salesforce"),
        pytest.param("gong.io/call?" * 16_000, id="gong"),
        pytest.param("slack.com/archives/C1/p1234567890123456?" * 5_000, id="slack"),
        pytest.param("case" + " " * 200_000, id="case"),
    ],
)
def test_a_long_text_is_read_in_a_time_like_its_length(text: str) -> None:
    assert keys_of(mentions_of(a_record(text)), EntityKind.PERSON) == set()


@pytest.mark.parametrize(
    "text", ["a" * 65 + "@k.example", f"a@{'k' * 64}.example", "a@" + "k." * 130 + "example"]
)
def test_an_address_that_no_server_takes_is_no_key(text: str) -> None:
    assert mentions_of(a_record(text)) == ()


def test_a_text_in_an_ids_place_is_no_key() -> None:
    message = a_record(
        source_type="slack", author="Ann", metadata={"user_id": "U" * 3_000, "team_id": "T1"}
    )
    author = only(mentions_of(message), EntityKind.PERSON, Role.AUTHOR).described
    assert (author.keys, author.name) == (frozenset(), "Ann")


def test_who_has_only_a_text_in_an_ids_place_is_nobody() -> None:
    message = a_record(source_type="slack", metadata={"user_id": "U" * 3_000})
    assert mentions_of(message) == ()


def test_a_website_that_is_none_says_nothing_of_the_domain() -> None:
    row = table("company,website\nKestermill,[n/a]\n")
    assert only(mentions_of(row), EntityKind.ACCOUNT, Role.SUBJECT).described.facts == {}


def test_a_tombstone_speaks_of_nobody() -> None:
    gone = Record("slack", "1", ContentType.TOMBSTONE, "", Place(0, 1))
    assert mentions_of(gone) == ()


def test_what_the_fields_say_the_text_does_not_say_again() -> None:
    row = table("name,email,notes\nAnn Lee,a@k.example,Ann is a@k.example\n")
    assert [one.role for one in mentions_of(row)] == [Role.SUBJECT]
