"""References: placeholders that become names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from domain.models.records import ContentType, Place, Record, Segment
from domain.references import MOMENT, READERS, reference, references_of, resolved, without_marks

ACME = reference("salesforce:001", "001")


def record(content: str = "a renewal", **fields: object) -> Record:
    plain = Record("salesforce", "006", ContentType.RECORD, content, Place(0, 1))
    return replace(plain, **fields)  # type: ignore[arg-type]


def test_a_reference_becomes_the_name_of_its_key() -> None:
    asked = record(f"sold to {ACME}.", title=f"{ACME} renewal", author=ACME)

    found = resolved(asked, {"salesforce:001": "Acme"})

    assert (found.content, found.title, found.author) == ("sold to Acme.", "Acme renewal", "Acme")


def test_a_reference_without_a_name_shows_its_fallback() -> None:
    assert resolved(record(f"sold to {ACME}."), {}).content == "sold to 001."


def test_a_reference_in_the_metadata_is_resolved() -> None:
    found = resolved(record(metadata={"Account": ACME, "Amount": 5}), {"salesforce:001": "Acme"})

    assert found.metadata == {"Account": "Acme", "Amount": 5}


def test_the_keys_of_a_record_are_those_of_all_its_texts() -> None:
    asked = record(f"{ACME}", title=reference("k2", ""), metadata={"x": reference("k3", "?")})

    assert references_of(asked) == {"salesforce:001", "k2", "k3"}


def test_segments_move_along_with_what_they_cover() -> None:
    text = f"{ACME}: hello\nBo: bye"
    cut = text.index("Bo")
    asked = record(text, segments=(Segment(0, cut), Segment(cut, len(text))))

    found = resolved(asked, {"salesforce:001": "Ada of Acme"})

    assert [found.content[s.start : s.end] for s in found.segments] == [
        "Ada of Acme: hello\n",
        "Bo: bye",
    ]


def test_references_in_lists_and_in_segments_metadata_are_resolved() -> None:
    asked = record(
        metadata={"people": [ACME, "Bo", 3]},
        segments=(Segment(0, 9, {"speaker": ACME, "page": 2}),),
    )

    found = resolved(asked, {"salesforce:001": "Acme"})

    assert references_of(asked) == {"salesforce:001"}
    assert found.metadata["people"] == ["Acme", "Bo", 3]
    assert found.segments == (Segment(0, 9, {"speaker": "Acme", "page": 2}),)


def test_a_link_is_resolved() -> None:
    asked = record(url=reference("link", "https://one.example"))

    assert resolved(asked, {}).url == "https://one.example"
    assert resolved(asked, {"link": "https://two.example"}).url == "https://two.example"


def test_a_moment_that_is_found_becomes_the_timestamp() -> None:
    asked = record(metadata={MOMENT: reference("when", "")})

    found = resolved(asked, {"when": "2025-09-16T11:30:00"})

    assert found.timestamp == datetime(2025, 9, 16, 11, 30, tzinfo=UTC)
    assert found.metadata == {}


def test_a_moment_that_is_not_known_leaves_no_timestamp() -> None:
    found = resolved(record(metadata={MOMENT: reference("when", "")}), {})

    assert (found.timestamp, found.metadata) == (None, {})


def test_readers_that_are_found_become_the_visibility() -> None:
    asked = record(metadata={READERS: reference("who", "nobody")}, visibility=("nobody",))

    assert resolved(asked, {}).visibility == ("nobody",)
    assert resolved(asked, {"who": "user:1 user:2"}).visibility == ("user:1", "user:2")


def test_a_record_without_references_stays_as_it_is() -> None:
    asked = record(metadata={"a": [1]}, segments=(Segment(0, 2, {"page": 1}),))

    assert resolved(asked, {"a": "b"}) is asked


def test_marks_in_a_sources_own_text_make_no_reference() -> None:
    assert references_of(record(without_marks(ACME))) == frozenset()


def test_a_group_changes_what_a_record_is() -> None:
    assert record().content_hash() != record(group="day").content_hash()
