from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from domain.errors import InvalidQueryError
from domain.models.analysis import AnalysedQuery
from domain.models.search import SearchFilter
from domain.query_analysis import MAX_CONDITIONS, analysed, narrowed, plain

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def understood(text: str) -> dict[str, object]:
    """What is not as in an empty analysis."""
    said, empty = analysed(text, now=NOW), AnalysedQuery("")
    names = [field.name for field in fields(said) if field.name != "identifiers"]
    return {
        name: getattr(said, name) for name in names if getattr(said, name) != getattr(empty, name)
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the renewal", {"text": "the renewal"}),
        ('"annual discount" now', {"text": "annual discount now", "phrases": ("annual discount",)}),
        (
            "“annual  discount”, now",
            {"text": "annual discount , now", "phrases": ("annual discount",)},
        ),
        ('renewal -"draft"', {"text": "renewal", "excluded": ("draft",)}),
        ('renewal -"first draft"', {"text": "renewal", "excluded": ("first draft",)}),
        ("a from:@ann", {"text": "a", "authors": ("ann",)}),
        ('a From:"Ann Lee"', {"text": "a", "authors": ("Ann Lee",)}),
        ("a from:ann from:bob", {"text": "a", "authors": ("ann", "bob")}),
        ("a in:#sales", {"text": "a", "places": ("sales",)}),
        ("a source:Slack", {"text": "a", "sources": ("Slack", "slack")}),
        ("a type:messages", {"text": "a", "content_types": ("message",)}),
        ("a after:2026-03-01", {"text": "a", "since": day("2026-03-02")}),
        ("a since:2026-03-01", {"text": "a", "since": day("2026-03-01")}),
        ("a before:2026-03-01", {"text": "a", "until": day("2026-03-01")}),
        ("a on:yesterday", {"text": "a", "since": day("2026-03-10"), "until": day("2026-03-11")}),
        ("after:last week price", {"text": "price", "since": day("2026-03-09")}),
        ('after:"last week" price', {"text": "price", "since": day("2026-03-09")}),
        ("since:2 days ago, price", {"text": "price", "since": day("2026-03-09")}),
        ("since:2026-01-01 since:2026-02-01 a", {"text": "a", "since": day("2026-02-01")}),
        ("in:sales ?", {"places": ("sales",)}),
    ],
)
def test_a_query_says(text: str, expected: dict[str, object]) -> None:
    assert understood(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "re: invoice",
        "from: ann",
        "see https://a.example/b?c=d",
        "12:30 meeting",
        'a 27" and a 32" monitor',
        '"half a phrase',
        "3 - 4 = -1",
        "well-known foo-bar",
        "c++ :) -",
        "kickin:it",
        "docker run -v x -it",
        "slip -dash flow",
        "?",
    ],
)
def test_signs_inside_of_a_text_are_text(text: str) -> None:
    assert understood(text) == {"text": text}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"\from:ann", "from:ann"),
        (r"\-draft", "-draft"),
        (r"\"half", '"half'),
        (r"a \ b", r"a \ b"),
    ],
)
def test_a_backslash_makes_text_of_what_follows(text: str, read: str) -> None:
    assert understood(text) == {"text": read}


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("after:banana", "write 2026-03-31"),
        ("on:2026-02-30 x", "write 2026-03-31"),
        ("on:2026-03-01T10:00Z", "needs a day"),
        ("type:banana", "write message, transcript, record, document"),
        ("source:a/b", "write source:slack"),
        ('from:""', "from:ann"),
        ("from:me x", "write a name"),
        ("in:# x", "in:#sales"),
        ("-from:ann x", "only words in quotes"),
        ('""', "say what to look for"),
        (f'"{"x" * 501}"', "longer than 500"),
        (f'"{"x " * 101}"', "a quoted phrase has more than 100 words"),
        (f'-"{"x-" * 101}"', "a quoted phrase has more than 100 words"),
        (f'from:"{"x " * 50}" from:{"y." * 51}', "after from: have more than 100 words"),
        (" ".join(f'-"w{n}"' for n in range(MAX_CONDITIONS + 1)), "more than 20"),
    ],
)
def test_what_makes_no_sense_is_an_error_that_says_the_fix(text: str, fix: str) -> None:
    with pytest.raises(InvalidQueryError, match=fix):
        analysed(text, now=NOW)


def test_filters_alone_leave_nothing_to_look_for() -> None:
    assert analysed("from:ann on:today", now=NOW).is_filter_only
    assert not analysed("from:ann x", now=NOW).is_filter_only


def test_what_the_query_says_narrows_what_the_filter_asks() -> None:
    where = SearchFilter(sources=("slack", "gong"), since=day("2026-02-01"), phrases=("a",))
    said = AnalysedQuery(
        "x", sources=("slack",), since=day("2026-01-01"), until=day("2026-03-01"), phrases=("b",)
    )
    assert narrowed(where, said) == SearchFilter(
        sources=("slack",), since=day("2026-02-01"), until=day("2026-03-01"), phrases=("a", "b")
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (AnalysedQuery("x", sources=("gong",)), "leave one of them out"),
        (AnalysedQuery("x", content_types=("record",)), "leave one of them out"),
        (AnalysedQuery("x", until=day("2026-01-01")), "nothing is both after"),
    ],
)
def test_a_filter_that_contradicts_the_query_is_an_error(said: AnalysedQuery, reason: str) -> None:
    where = SearchFilter(sources=("slack",), content_types=("message",), since=day("2026-02-01"))
    with pytest.raises(InvalidQueryError, match=reason):
        narrowed(where, said)


def test_a_plain_text_is_all_looked_for() -> None:
    text = 'from:ann "a phrase" -"b" 00001026'
    said = plain(text)
    assert (said.text, said.phrases, said.authors) == (text, (), ())
    assert [one.written for one in said.identifiers] == ["00001026"]
