"""A call's record: its words, its facts, its readers, its names."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import orjson
import pytest

from domain.models.records import ContentType, Record
from domain.parsers.gong import GongParser
from domain.references import resolved
from tests.builders import records_in
from tests.gong_builders import ADA, BO, CALL_ID, customer, details, extensive, party

PARSER = GongParser()
CONTENT = {
    "brief": "Bo delays the renewal.",
    "keyPoints": [{"text": "Drift in section two"}, {"text": "Not cancelled"}],
    "outline": [{"section": "Start", "items": [{"text": "Hello."}, {"text": "Weather."}]}],
    "highlights": [{"title": "Next steps", "items": [{"text": "Recalibrate."}]}, {"items": None}],
    "topics": [{"name": "Pricing", "duration": 86}, {"name": "Objections", "duration": 5}],
    "trackers": [
        {"id": "1", "name": "Competitors", "count": 7, "phrases": [{"phrase": "Bargewell"}]},
        {"id": "2", "name": "Budget", "count": 1, "phrases": []},
        {"id": "3", "name": "Unheard", "count": 0},
    ],
    "callOutcome": {"id": "MEETING_BOOKED", "category": "Answered", "name": "Meeting booked"},
    "pointsOfInterest": {"actionItems": [{"snippet": "Send the report."}]},
    "structure": [{"name": "Setup", "duration": 67}],
}
CONTEXT = [
    {
        "system": "Salesforce",
        "objects": [
            {
                "objectType": "Opportunity",
                "objectId": "001A0000006Vm9r",
                "fields": [
                    {"name": "Name", "value": "Kestermill renewal"},
                    {"name": "IsWon", "value": False},
                    {"name": "Amount", "value": 85000},
                    {"name": "Odd", "value": {}},
                    None,
                ],
            },
            {"objectType": "Account", "objectId": "001Tb0000000104IAA", "fields": None},
            {"objectType": "Account"},
        ],
    }
]
COMMENTS = {
    "publicComments": [
        {"commenterUserId": "u1", "comment": "Well done."},
        {"commenterUserId": "u9", "comment": "Who was that?"},
        {"comment": "Nobody's."},
        {"commenterUserId": "u1", "comment": " "},
    ]
}
FULL = extensive(
    content=CONTENT,
    context=CONTEXT,
    collaboration=COMMENTS,
    interaction={
        "speakers": [{"id": "p-222", "userId": None, "talkTime": 145}],
        "interactionStats": [{"name": "Interactivity", "value": 56}],
        "questions": {"companyCount": 3},
    },
    media={"audioUrl": "https://expires.example/1"},
)


def call(value: Any) -> Record:
    """As it is read once the names are known that no other record tells."""
    (record,) = records_in(PARSER, orjson.dumps([value]), source_type="gong")
    return resolved(record, {})


def test_a_call_reads_like_the_notes_of_somebody_who_was_there() -> None:
    assert call(FULL).content == (
        "Renewal review\n"
        "16 September 2025, 11:30 UTC, 8 min, External outbound call, video\n\n"
        "Participants:\n"
        "- Ada Lovelace (Internal), Account executive, ada@tarnbeck.example\n"
        "- Bo Agnew (External), bo@kestermill.example\n\n"
        "Brief: Bo delays the renewal.\n\n"
        "Key points:\n- Drift in section two\n- Not cancelled\n\n"
        "Outline:\n- Start: Hello. Weather.\n\n"
        "Highlights:\n- Next steps: Recalibrate.\n\n"
        "Action items:\n- Send the report.\n\n"
        "Outcome: Meeting booked (Answered)\n\n"
        "Topics: Pricing, Objections\n\n"
        "Trackers: Competitors (Bargewell), Budget\n\n"
        "CRM:\n"
        "- Opportunity 001A0000006Vm9rIAC Kestermill renewal, IsWon: false, Amount: 85000\n"
        "- Account 001Tb0000000104IAA \n\n"
        "Comments:\n- Ada Lovelace: Well done.\n- User u9: Who was that?\n- Nobody's."
    )


def test_a_call_knows_its_time_place_host_and_thread() -> None:
    record = call(FULL)
    assert (record.native_id, record.thread) == (f"call:{CALL_ID}", CALL_ID)
    assert (record.content_type, record.author) == (ContentType.RECORD, "Ada Lovelace")
    assert str(record.timestamp) == "2025-09-16 11:30:00+00:00"
    assert record.url == f"https://eu-1.app.gong.io/call?id={CALL_ID}"


def test_what_one_filters_by_is_flat() -> None:
    metadata = call(FULL).metadata
    assert {key: metadata[key] for key in ("duration_seconds", "scope", "workspace_id")} == {
        "duration_seconds": 460,
        "scope": "External",
        "workspace_id": "w1",
    }
    assert metadata["participants"] == ["Ada Lovelace", "Bo Agnew"]
    assert metadata["emails"] == ["ada@tarnbeck.example", "bo@kestermill.example"]
    assert metadata["crm_object_ids"] == ["001A0000006Vm9rIAC", "001Tb0000000104IAA"]
    assert metadata["trackers"] == ["Competitors", "Budget"]
    assert metadata["topics"] == ["Pricing", "Objections"]


def test_nested_facts_stay_in_the_metadata() -> None:
    metadata = call(FULL).metadata
    assert metadata["parties"][1] == {
        "name": "Bo Agnew",
        "email": "bo@kestermill.example",
        "affiliation": "External",
        "speaker_id": BO,
        "talk_seconds": 145,
    }
    assert metadata["tracker_counts"] == {"Competitors": 7, "Budget": 1, "Unheard": 0}
    assert metadata["crm_objects"][0]["fields"]["Amount"] == "85000"


def test_media_addresses_are_left_out_because_they_expire() -> None:
    assert "expires.example" not in str(call(FULL))


def test_a_field_that_gong_adds_is_kept_under_its_name() -> None:
    assert call(details(newField="x")).metadata["new_field"] == "x"


def test_a_call_of_which_little_is_known_says_so() -> None:
    record = call({"metaData": {"id": "7", "started": None, "scope": "Unknown"}, "parties": None})
    assert (record.content, record.title, record.timestamp) == ("Call 7", "Call 7", None)
    assert record.url == "https://app.gong.io/call?id=7"


def test_a_call_of_unknown_time_is_dated_by_its_schedule() -> None:
    record = call(details(started=None, scheduled=1518863400.0))
    assert str(record.timestamp) == "2018-02-17 10:30:00+00:00"


def test_people_without_a_name_are_known_by_their_address() -> None:
    unnamed = party(None, None, userId=None, affiliation=None, title=None)
    record = call(extensive(parties=[unnamed, party(None, emailAddress=None, phoneNumber="+1")]))
    assert record.metadata["participants"] == ["ada@tarnbeck.example", "+1"]
    assert "- ada@tarnbeck.example\n" in record.content


def test_crm_objects_of_the_people_are_joined_to_the_call() -> None:
    contact = {"system": "Salesforce", "objects": [{"objectId": "003A0000006Vm9r"}]}
    record = call(extensive(parties=[customer(context=[contact])]))
    assert record.metadata["crm_object_ids"] == ["003A0000006Vm9rIAC"]
    assert record.metadata["parties"][0]["crm_object_ids"] == ["003A0000006Vm9rIAC"]


def test_ids_of_another_crm_stay_as_they_are() -> None:
    other = {"system": "HubSpot", "objects": [{"objectId": "A00000000000000"}]}
    assert call(extensive(context=[other])).metadata["crm_object_ids"] == ["A00000000000000"]


def test_an_object_without_a_name_asks_salesforce_for_it() -> None:
    (record,) = records_in(PARSER, orjson.dumps([FULL]))
    found = resolved(record, {"salesforce:001Tb0000000104IAA": "Kestermill Paper"})
    assert "- Account 001Tb0000000104IAA Kestermill Paper" in found.content


def test_a_call_is_public() -> None:
    assert call(FULL).visibility == ("public",)


def test_a_private_call_is_seen_by_the_companys_people_in_it() -> None:
    private = extensive(metaData=details(isPrivate=True, primaryUserId="u7"))
    assert call(private).visibility == (
        f"gong:call:{CALL_ID}",
        "gong:user:u7",
        "gong:user:u1",
        "email:ada@tarnbeck.example",
    )


def test_a_private_call_of_nobody_known_is_seen_by_nobody() -> None:
    private = details(isPrivate=True, primaryUserId=None)
    assert call(private).visibility == (f"gong:call:{CALL_ID}",)


def test_a_call_tells_what_it_and_its_speakers_are_called() -> None:
    (record,) = records_in(PARSER, orjson.dumps([extensive()]))
    assert record.names == {
        f"gong:call:{CALL_ID}": "Renewal review",
        f"gong:started:{CALL_ID}": "2025-09-16T11:30:00+00:00",
        f"gong:url:{CALL_ID}": f"https://eu-1.app.gong.io/call?id={CALL_ID}",
        f"gong:visibility:{CALL_ID}": "public",
        f"gong:speaker:{CALL_ID}:{ADA}": "Ada Lovelace",
        f"gong:affiliation:{CALL_ID}:{ADA}": "Internal",
        f"gong:person:{CALL_ID}:{ADA}": "ada@tarnbeck.example",
        f"gong:speaker:{CALL_ID}:{BO}": "Bo Agnew (External)",
        f"gong:affiliation:{CALL_ID}:{BO}": "External",
        f"gong:person:{CALL_ID}:{BO}": "bo@kestermill.example",
    }


def test_a_copy_with_more_in_it_is_of_a_greater_version() -> None:
    copies = [details(), extensive(), extensive(content={"brief": "x"}), FULL]
    versions = [call(copy).version for copy in copies]
    assert versions == sorted(set(versions))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_greatest_version_is_the_same_in_any_order(order: tuple[int, ...]) -> None:
    copies = [extensive(parties=None, content={"brief": "x"}), extensive(), FULL]
    records = [call(copies[at]) for at in order]
    assert max(records, key=lambda record: record.version) == call(FULL)


def test_copies_with_the_same_parts_are_of_one_version() -> None:
    renamed = extensive(metaData=details(title="Another"))
    assert call(renamed).version == call(extensive()).version


def test_a_sources_own_marks_make_no_reference() -> None:
    forged = details(title="\ue000salesforce:1\ue001x\ue002", tags=["\ue000a"])
    assert call(forged).title == "salesforce:1x"
