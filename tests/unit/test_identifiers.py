from __future__ import annotations

import pytest

from domain.identifiers import MAX_IDENTIFIERS, bare_url, exactness, identifiers_in
from domain.models.analysis import IdentifierKind
from domain.models.records import ContentType, Place, Record

PERMALINK = "https://acme.slack.com/archives/C024BE7LR/p1700000000000100"


@pytest.mark.parametrize(
    ("text", "kind", "usual"),
    [
        ("see 0015g00000XYZab.", IdentifierKind.SALESFORCE_ID, "0015g00000XYZabAAH"),
        ("0015g00000XYZabAAH", IdentifierKind.SALESFORCE_ID, "0015g00000XYZabAAH"),
        ("mail <Ada@Example.org>", IdentifierKind.EMAIL, "ada@example.org"),
        ("http://www.A.example/B/", IdentifierKind.URL, "a.example/B"),
        ("case 1026", IdentifierKind.NUMBER, "1026"),
        ("#4711", IdentifierKind.NUMBER, "4711"),
        ("about 00001026", IdentifierKind.NUMBER, "00001026"),
        ("7782342274025937895 who", IdentifierKind.NUMBER, "7782342274025937895"),
        ("20260", IdentifierKind.NUMBER, "20260"),
        ("why ABC-123?", IdentifierKind.TICKET, "ABC-123"),
        (
            "550E8400-e29b-41d4-a716-446655440000",
            IdentifierKind.UUID,
            "550e8400-e29b-41d4-a716-446655440000",
        ),
    ],
)
def test_an_identifier_is_recognised(text: str, kind: IdentifierKind, usual: str) -> None:
    [found] = identifiers_in(text)
    assert (found.kind, found.spellings[0]) == (kind, usual)


@pytest.mark.parametrize(
    "text",
    [
        "deals of 2026",
        "above 150000 dollars",
        "abc-123",
        "a@b",
        "internationalisation",
        "x/y",
        "1.5",
    ],
)
def test_ordinary_words_and_quantities_are_none(text: str) -> None:
    assert identifiers_in(text) == ()


def test_a_short_case_number_is_also_looked_for_as_salesforce_writes_it() -> None:
    assert identifiers_in("case 1026")[0].spellings == ("1026", "00001026")


def test_links_name_the_records_that_they_lead_to() -> None:
    [slack] = identifiers_in(f"{PERMALINK}?thread_ts=1.0")
    link, call = identifiers_in("https://us-1.gong.io/call?id=7782342274025937895")
    [_, account] = identifiers_in("https://x.my.salesforce.com/0015g00000XYZab")
    assert slack.native_ids == ("C024BE7LR:1700000000.000100",)
    assert link.native_ids == call.native_ids == ("call:7782342274025937895",)
    assert account.spellings[0] == "0015g00000XYZabAAH"


def test_each_identifier_counts_once_and_no_more_than_ten() -> None:
    assert len(identifiers_in("ABC-1 ABC-1 abc")) == 1
    assert len(identifiers_in(" ".join(f"ABC-{n}" for n in range(30)))) == MAX_IDENTIFIERS


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/b?x=1",
        "http://a.example/b?x=1",
        "https://www.a.example/b?x=1",
        "https://A.example/b?utm_source=mail&x=1",
        "https://a.example/b?x=1&gclid=7#",
    ],
)
def test_urls_that_differ_in_what_does_not_count_are_one(url: str) -> None:
    assert bare_url(url) == "a.example/b?x=1"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"metadata": {"Email": "Ada@example.org"}}, 2),
        ({"metadata": {"emails": ["x@y.org", "ada@example.org"]}}, 2),
        ({"metadata": {"note": "write to ada@example.org"}}, 1),
        ({"content": "ada@example.org"}, 1),
        ({"title": "mail of ada@example.org"}, 1),
        ({"content": "nada@example.org"}, 0),
    ],
)
def test_a_field_counts_more_than_a_mention(fields: dict[str, object], expected: int) -> None:
    values = {"content": "nothing", "place": Place(0, 1), **fields}
    record = Record("csv", "1", ContentType.RECORD, **values)
    [email] = identifiers_in("ada@example.org")
    assert exactness(record, email) == expected
