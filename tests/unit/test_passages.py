"""The laws of passages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.chunking import ChunkLimits, estimate_tokens
from domain.models.chunks import Chunk, Member, hit_metadata, labels_of
from domain.models.ids import derive_group_id
from domain.models.records import ContentType, Place, Record
from domain.passages import PassageLimits, best_member, compose

GROUP = derive_group_id("slack", "C1:2026-03-01")
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
DEFAULT = PassageLimits()
SMALL = PassageLimits(max_tokens=24, overlap_tokens=4, gap_seconds=600)


def message(text: str, minute: float = 0, author: str | None = "Ada", **fields: object) -> Record:
    values: dict[str, object] = {
        "source_type": "slack",
        "native_id": f"C1:{minute:09.3f}",
        "content_type": ContentType.MESSAGE,
        "content": text,
        "place": Place(0, 1),
        "title": "#sales",
        "author": author,
        "timestamp": START + timedelta(minutes=minute),
        "metadata": {"channel": "sales", "author": author},
        "group": "C1:2026-03-01",
    }
    return Record(**(values | fields))  # type: ignore[arg-type]


def passages(*members: Record, limits: PassageLimits = DEFAULT) -> list[Chunk]:
    return compose(GROUP, members, model="m", limits=limits)


@st.composite
def conversations(draw: st.DrawFn) -> list[Record]:
    texts = st.text(st.sampled_from("ab C1é한字。.!\n 😀"), max_size=120)
    count = draw(st.integers(0, 12))
    return [
        message(
            draw(texts),
            draw(st.floats(0, 100)),
            draw(st.sampled_from(["Ada", "Bob", None])),
            native_id=str(number),
            visibility=draw(st.sampled_from([("public",), ("U1", "U2")])),
            timestamp=draw(st.sampled_from([None, START, START + timedelta(minutes=number)])),
        )
        for number in range(count)
    ]


@settings(deadline=None)
@given(conversations(), st.randoms())
def test_passages_do_not_depend_on_the_order_in_which_members_came(
    members: list[Record], random: object
) -> None:
    shuffled = list(members)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert passages(*members, limits=SMALL) == passages(*shuffled, limits=SMALL)


@settings(deadline=None)
@given(conversations())
def test_every_member_is_whole_in_the_passages_at_the_places_that_they_name(
    members: list[Record],
) -> None:
    contents = {record.record_id: record.content for record in members}
    covered: dict[object, list[tuple[int, int]]] = {}
    for chunk in passages(*members, limits=SMALL):
        assert chunk.text == chunk.record.content[chunk.start : chunk.end]
        for member in chunk.members:
            text = contents[member.record_id][member.start : member.end]
            assert member.text_in(chunk.text) == text
            covered.setdefault(member.record_id, []).append((member.start, member.end))
    for record in members:
        spans = sorted(covered.get(record.record_id, []))
        assert bool(spans) == bool(record.content.strip())
        if spans:
            assert (spans[0][0], max(end for _, end in spans)) == (0, len(record.content))
            assert all(right[0] <= left[1] for left, right in pairwise(spans))


@settings(deadline=None)
@given(conversations())
def test_no_passage_is_read_by_people_that_may_not_read_all_of_it(members: list[Record]) -> None:
    visibility = {record.record_id: record.visibility for record in members}
    for chunk in passages(*members, limits=SMALL):
        assert {visibility[member.record_id] for member in chunk.members} == {
            chunk.record.visibility
        }


@settings(deadline=None)
@given(conversations())
def test_a_passage_fits_the_window_and_positions_count_from_zero(members: list[Record]) -> None:
    found = passages(*members, limits=SMALL)
    assert [chunk.position for chunk in found] == list(range(len(found)))
    assert len({chunk.chunk_id for chunk in found}) == len(found)
    for chunk in found:
        # Rounding of each line, and the author's name above a piece of a long text.
        assert estimate_tokens(chunk.text) <= SMALL.max_tokens + 2 + len(chunk.members)


def test_a_conversation_is_one_passage_under_a_header() -> None:
    (chunk,) = passages(message("Can we ship?", 1, "Ada"), message("Yes, today.", 2, "Bob"))

    assert chunk.embedding_text == (
        "#sales · Ada, Bob · 2026-03-01\nAda: Can we ship?\nBob: Yes, today."
    )


def test_a_passage_is_filtered_and_shown_by_what_any_member_says() -> None:
    (chunk,) = passages(message("Can we ship?", 1, "Ada"), message("Yes, today.", 2, "Bob"))

    assert {"channel=sales", "author=Ada", "author=Bob"} <= set(labels_of(chunk))
    assert hit_metadata(chunk)["author"] == ["Ada", "Bob"]
    assert chunk.record.author is None


def test_a_passage_has_time_link_and_id_of_its_first_member() -> None:
    first = message("Can we ship?", 1, url="https://first")
    (chunk,) = passages(message("Yes.", 2, url="https://second"), first)

    assert chunk.record.record_id == first.record_id
    assert (chunk.record.timestamp, chunk.record.url) == (first.timestamp, "https://first")


def test_a_long_pause_ends_a_passage() -> None:
    found = passages(message("morning", 0), message("evening", 600))

    assert [chunk.text for chunk in found] == ["Ada: morning", "Ada: evening"]


def test_a_thread_goes_on_after_a_pause() -> None:
    root, reply = message("asked", 0, thread="t"), message("answered", 3000, thread="t")

    (chunk,) = passages(root, reply)

    assert chunk.record.title == "#sales · Ada · 2026-03-01 to 2026-03-03"


def test_a_member_that_is_too_long_is_cut_as_a_record_is() -> None:
    found = passages(message("word " * 60, 1), message("short", 2), limits=SMALL)

    assert len(found) > 3
    assert all(len(chunk.members) == 1 for chunk in found)
    assert all(chunk.text.startswith("Ada: word") for chunk in found[:-1])


def test_neighbouring_passages_share_short_members() -> None:
    lines = [message("one two three four five six seven", n * 2) for n in (0, 2)]
    found = passages(lines[0], message("yes", 2), lines[1], limits=SMALL)

    assert [len(chunk.members) for chunk in found] == [2, 2]
    assert found[0].members[1].record_id == found[1].members[0].record_id


def test_many_people_are_named_in_part() -> None:
    crowd = [message("hi", n, f"P{n}") for n in range(8)]

    assert passages(*crowd)[0].record.title == (
        "#sales · P0, P1, P2, P3, P4, P5 and others · 2026-03-01"
    )


def test_a_header_says_what_there_is() -> None:
    (chunk,) = passages(message("hi", author=None, title=None, timestamp=None, metadata={}))

    assert (chunk.record.title, chunk.text) == ("", "hi")


def test_the_best_member_has_most_of_the_querys_words_and_of_equals_is_the_first() -> None:
    (chunk,) = passages(
        message("lunch?", 1), message("the prices are final", 2), message("final price", 3)
    )
    ids = [member.record_id for member in chunk.members]

    assert best_member(chunk.text, chunk.members, "final pricing").record_id == ids[1]
    assert best_member(chunk.text, chunk.members, "final").record_id == ids[1]
    assert best_member(chunk.text, chunk.members, "nothing").record_id == ids[0]


def test_passages_are_no_longer_than_the_models_window() -> None:
    limits = PassageLimits.within(ChunkLimits(max_tokens=50, overlap_tokens=5))

    assert (limits.max_tokens, limits.overlap_tokens) == (50, 5)
    assert PassageLimits.within(ChunkLimits()) == PassageLimits()


def test_a_member_knows_its_text() -> None:
    assert Member(GROUP, 3, 6, 5).text_in("Ada: one two") == "one"  # type: ignore[arg-type]
