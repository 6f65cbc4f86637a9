"""Which hits are folded into better ones."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.blend_options import Collapse
from domain.collapsing import LOOKED_AT_BEYOND, Found, collapse, collapsed, says_the_same
from domain.models.chunks import Vector
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import Candidate, Hit

LONG = (
    "the pump in hall three leaks oil since monday and nobody has looked at it yet, "
    "says the night shift"
)
EAST = np.array([1.0, 0.0], dtype=np.float16)
NORTH = np.array([0.0, 1.0], dtype=np.float16)


def found(
    text: str, vector: Vector | None = EAST, *, thread: str | None = None, record: str = ""
) -> Found:
    name = record or text
    candidate = Candidate(
        chunk_id=ChunkId(uuid5(NAMESPACE_OID, name)),
        record_id=RecordId(uuid5(NAMESPACE_OID, name)),
        file_id=FileId(uuid5(NAMESPACE_OID, "file")),
        score=1.0,
        text=text,
        source_type="slack",
        content_type="message",
        title=None,
        author=None,
        timestamp=None,
        url=None,
        thread=thread,
        metadata={},
        start=0,
        end=len(text),
    )
    return Found(Hit(candidate, 1.0, ()), vector)


def shown(hits: Sequence[Hit[Candidate]]) -> list[tuple[str, int]]:
    return [(hit.candidate.text, hit.folded) for hit in hits]


def test_a_text_that_comes_again_is_folded_into_the_better_hit() -> None:
    hits = collapse(
        [found("Renew it!", record="1"), found("no"), found("renew it", record="2")],
        Collapse.DUPLICATES,
        limit=10,
    )
    assert shown(hits) == [("Renew it!", 1), ("no", 0)]


def test_a_place_that_a_folded_hit_leaves_is_filled_by_the_next() -> None:
    hits = collapse(
        [found("one", record="1"), found("one", record="2"), found("two")],
        Collapse.DUPLICATES,
        limit=2,
    )
    assert shown(hits) == [("one", 1), ("two", 0)]


def test_what_comes_after_the_last_place_is_still_counted() -> None:
    hits = collapse(
        [found("one", record="1"), found("two"), found("one", record="2")],
        Collapse.DUPLICATES,
        limit=1,
    )
    assert shown(hits) == [("one", 1)]


def test_texts_whose_vectors_lie_apart_are_not_compared() -> None:
    hits = collapse(
        [found("one", EAST, record="1"), found("one", NORTH, record="2")],
        Collapse.DUPLICATES,
        limit=10,
    )
    assert shown(hits) == [("one", 0), ("one", 0)]


def test_without_vectors_only_the_very_same_words_are_folded() -> None:
    hits = collapse(
        [found(LONG, None), found(LONG.upper(), None), found(LONG + " again", None)],
        Collapse.DUPLICATES,
        limit=10,
    )
    assert [hit.folded for hit in hits] == [1, 0]


def test_hits_of_a_thread_are_folded_where_that_is_asked_for() -> None:
    hits = [found("question", thread="t"), found("other"), found("answer", thread="t")]
    assert shown(collapse(hits, Collapse.THREADS, limit=10)) == [("question", 1), ("other", 0)]
    assert len(collapse(hits, Collapse.DUPLICATES, limit=10)) == 3


def test_nothing_is_folded_where_nothing_is_to_be() -> None:
    hits = [found("one", record="1"), found("one", record="2")]
    assert shown(collapse(hits, Collapse.NONE, limit=10)) == [("one", 0), ("one", 0)]


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (LONG.title() + "!", True),
        (LONG.replace("shift", "crew"), True),
        (LONG.replace("monday", "sunday"), False),
        ("please note: " + LONG, True),
        (LONG + " and 7 others", False),
        ("the pump in hall three leaks oil", False),
        ("", False),
    ],
    ids=[
        "case and marks",
        "the last word",
        "a word within",
        "a preface",
        "a number",
        "an excerpt",
        "nothing",
    ],
)
def test_what_says_the_same(other: str, is_same: bool) -> None:
    assert says_the_same(LONG, other) is is_same


def test_rows_that_differ_in_a_number_do_not_say_the_same() -> None:
    row = "Order {}, status open, customer Northwind, region north, owner Ada, priority high"
    assert not says_the_same(row.format(4711), row.format(4712))


texts = st.lists(st.sampled_from(["a b", "A b", "c d", "e"]), max_size=12)


@given(texts, st.sampled_from(Collapse))
def test_every_hit_is_shown_or_counted(words: list[str], how: Collapse) -> None:
    hits = [found(text, thread=text[0].lower(), record=str(n)) for n, text in enumerate(words)]
    kept = collapse(hits, how, limit=len(hits))
    assert len(kept) + sum(hit.folded for hit in kept) == len(hits)


@given(texts, st.sampled_from(Collapse), st.integers(1, 12))
def test_order_stays_and_a_limit_cuts_the_end_off(
    words: list[str], how: Collapse, limit: int
) -> None:
    hits = [found(text, record=str(n)) for n, text in enumerate(words)]
    everything = collapse(hits, how, limit=len(hits))
    places = [each.hit.candidate.record_id for each in hits]
    shown_places = [places.index(hit.candidate.record_id) for hit in everything]
    assert shown_places == sorted(shown_places)
    assert collapse(hits, how, limit=limit) == everything[:limit]


def test_a_ranking_is_read_on_while_places_are_empty_and_no_further() -> None:
    many = [found("one", record=str(n)) for n in range(100)]
    ranking = [*many, *(found(f"text {word}") for word in "abcdefghijklmnopqrstuvwxyz")]
    read: list[Found] = []

    def noted(each: Found) -> Found:
        read.append(each)
        return each

    kept = collapsed(ranking, noted, Collapse.DUPLICATES, limit=3)
    assert [hit.candidate.text for hit in kept] == ["one", "text a", "text b"]
    assert len(read) == 104
    read.clear()
    collapsed(ranking[100:], noted, Collapse.DUPLICATES, limit=3)
    assert len(read) == 3 + LOOKED_AT_BEYOND


def test_a_hit_without_a_vector_changes_nothing_for_those_that_have_one() -> None:
    hits = [found(LONG), found(LONG + " again", record="2"), found("other", None)]
    assert shown(collapse(hits, Collapse.DUPLICATES, limit=10)) == [(LONG, 1), ("other", 0)]


def test_a_hit_without_a_vector_is_folded_into_one_of_the_same_words() -> None:
    hits = [found("one"), found("One!", None), found("two", None), found("two", record="2")]
    assert shown(collapse(hits, Collapse.DUPLICATES, limit=10)) == [("one", 1), ("two", 1)]


vectors = st.sampled_from([EAST, NORTH, None])


@given(texts, st.lists(vectors, min_size=12, max_size=12), st.sampled_from(Collapse), st.data())
def test_a_wider_window_keeps_the_same_hits_first(
    words: list[str], given_vectors: list[Vector | None], how: Collapse, data: st.DataObject
) -> None:
    pairs = zip(words, given_vectors, strict=False)
    hits = [found(text, vector, record=str(n)) for n, (text, vector) in enumerate(pairs)]
    some = hits[: data.draw(st.integers(0, len(hits)))]
    kept = [hit.candidate for hit in collapse(some, how, limit=12)]
    assert kept == [hit.candidate for hit in collapse(hits, how, limit=12)][: len(kept)]
