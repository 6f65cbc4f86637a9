"""JSON in all its shapes: values, arrays, wrappers, lines, values one after another."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domain.parsers.encodings as encodings
import domain.parsers.json as json_parsing
import domain.parsers.json_scan as json_scan
from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, Record, RejectedItem
from domain.parsers.json import JsonParser
from tests.builders import described, items_in, records_in

SOME = settings(deadline=None, max_examples=30)
PARSER = JsonParser()
PEOPLE = [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bo"}]
PAGE = {"requestId": "r1", "records": {"totalRecords": 2, "cursor": "c"}, "people": PEOPLE}


def values_of(content: bytes, **context: Any) -> list[dict[str, Any]]:
    dropped = ("_list", "source_id", "_key")
    return [
        {key: value for key, value in record.metadata.items() if key not in dropped}
        for record in records_in(PARSER, content, **context)
    ]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(orjson.dumps(PEOPLE), id="array"),
        pytest.param(orjson.dumps(PEOPLE, option=orjson.OPT_INDENT_2), id="pretty-array"),
        pytest.param(b"\n".join(map(orjson.dumps, PEOPLE)), id="lines"),
        pytest.param(b"".join(map(orjson.dumps, PEOPLE)), id="concatenated"),
        pytest.param(
            b"\n".join(orjson.dumps(p, option=orjson.OPT_INDENT_2) for p in PEOPLE),
            id="pretty-concatenated",
        ),
        pytest.param(orjson.dumps({"people": PEOPLE}), id="wrapped"),
        pytest.param(orjson.dumps({"data": {"people": PEOPLE}}), id="wrapped-twice"),
        pytest.param(orjson.dumps(PAGE), id="page"),
        pytest.param(orjson.dumps([PAGE]), id="array-of-pages"),
        pytest.param(b"\xef\xbb\xbf" + orjson.dumps(PEOPLE), id="byte-order-mark"),
        pytest.param(orjson.dumps(PEOPLE).decode().encode("utf-16"), id="utf-16"),
        pytest.param(orjson.dumps(PEOPLE).decode().encode("utf-16-le"), id="utf-16-unmarked"),
    ],
)
def test_every_shape_gives_the_same_records(content: bytes) -> None:
    assert values_of(content) == PEOPLE


def test_a_map_of_objects_gives_a_record_per_key() -> None:
    content = orjson.dumps({f"e{n}": {"name": f"N{n}", "role": "dev"} for n in range(4)})
    assert [record.metadata["_key"] for record in records_in(PARSER, content)] == [
        "e0",
        "e1",
        "e2",
        "e3",
    ]


def test_an_object_with_an_id_of_its_own_is_one_record() -> None:
    content = orjson.dumps({"id": "c1", "title": "Call", "parties": PEOPLE})
    assert len(records_in(PARSER, content)) == 1


def test_several_lists_are_all_read_and_named() -> None:
    content = orjson.dumps({"people": PEOPLE, "towns": [{"code": "fr"}]})
    assert [record.metadata["_list"] for record in records_in(PARSER, content)] == [
        "people",
        "people",
        "towns",
    ]


def test_scalars_around_the_records_are_file_metadata() -> None:
    assert described(PARSER, orjson.dumps(PAGE))["wrapper"]["requestId"] == "r1"


def test_a_large_wrapped_array_streams_and_loses_nothing_around_it() -> None:
    people = [{"id": n, "text": "x" * 500} for n in range(3000)]
    wrapped = {"head": {"a": [1]}, "people": people, "towns": [{"code": "fr"}], "tail": {"b": [2]}}
    content = orjson.dumps(wrapped)
    records = records_in(PARSER, content)
    assert described(PARSER, content)["path"] == ["people"]
    assert [r.metadata for r in records if "id" not in r.metadata] == [
        {"head": {"a": [1]}},
        {"code": "fr", "_list": "towns"},
        {"tail": {"b": [2]}},
    ]
    assert len(records) == 3003


def test_one_broken_line_is_rejected_and_the_next_ones_come() -> None:
    items = items_in(PARSER, b'{"a": 1}\n{"a": \n\n{"a": 3}\n')
    assert [type(item) for item in items] == [Record, RejectedItem, Record]
    assert items[1].error.startswith("line 2: it is no JSON")


def test_one_broken_element_is_rejected_and_the_next_ones_come() -> None:
    items = items_in(PARSER, b'[{"a": 1}, {"a": x}, {"a": 3}]')
    assert [type(item) for item in items] == [Record, RejectedItem, Record]


@pytest.mark.parametrize(
    "content",
    [
        b'[{"a":1},]',
        b'[{"a":1}',
        b'[{"a":1}}',
        b'[{"a":1}] x',
        b'[{"a":1},,{"a":2}]',
        b'{"a":1}}',
        b'{"a":1,}',
        b'{"a":NaN}',
    ],
)
def test_malformed_json_leaves_a_rejected_item(content: bytes) -> None:
    items = items_in(PARSER, content)
    assert any(isinstance(item, RejectedItem) for item in items)


@pytest.mark.parametrize("bomb", [b"[" * 100_000, b'{"":[' * 50_000, b"[" * 5000 + b"]" * 5000])
def test_a_depth_bomb_is_rejected(bomb: bytes) -> None:
    assert [type(item) for item in items_in(PARSER, bomb)] == [RejectedItem]


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(UnreadableFileError):
        described(PARSER, b"hello there")


def test_integers_beyond_64_bits_keep_their_digits() -> None:
    (record,) = records_in(PARSER, b'[{"id": 123456789012345678901234567890, "n": 7}]')
    assert record.metadata["id"] == "123456789012345678901234567890"


def test_lone_surrogates_and_nuls_are_replaced() -> None:
    (record,) = records_in(PARSER, rb'[{"t": "a\ud800b\u0000c", "u": "\ud83d\ude00"}]')
    assert record.metadata == {"t": "a\ufffdb\ufffdc", "u": "😀"}


def test_values_that_are_no_objects_become_text() -> None:
    contents = [record.content for record in records_in(PARSER, b'["one", 2, [3, "four"]]')]
    assert contents == ["one", "2", "3, four"]


def test_values_that_say_nothing_are_dropped() -> None:
    assert [type(i) for i in items_in(PARSER, b"[null, {}]")] == [DroppedItem, DroppedItem]


def test_a_conversation_reads_as_speaker_and_text() -> None:
    call = {
        "callId": "77",
        "transcript": [
            {"speakerId": "s1", "topic": None, "sentences": [{"start": 1, "text": "Hello."}]},
            {"speaker": "Bo", "text": "Hi there."},
        ],
    }
    (record,) = records_in(PARSER, orjson.dumps(call))
    assert record.content == "callId: 77\ns1: Hello.\nBo: Hi there."


def test_titles_and_times_are_found_in_nested_objects() -> None:
    call = {"metaData": {"title": "Renewal", "started": "2024-05-01T10:00:00+02:00"}}
    (record,) = records_in(PARSER, orjson.dumps([call]))
    assert (record.title, str(record.timestamp)) == ("Renewal", "2024-05-01 08:00:00+00:00")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=6),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3)
    ),
    max_leaves=8,
)
DOCUMENTS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=12)


@pytest.mark.parametrize("shape", ["array", "pretty", "lines", "concatenated"])
@SOME
@given(documents=DOCUMENTS, slice_bytes=st.integers(1, 100))
def test_any_cutting_gives_the_same_items(
    shape: str, documents: list[Any], slice_bytes: int
) -> None:
    content = {
        "array": lambda: orjson.dumps(documents),
        "pretty": lambda: orjson.dumps(documents, option=orjson.OPT_INDENT_2),
        "lines": lambda: b"\n".join(map(orjson.dumps, [{"a": [1]}, *documents])),
        "concatenated": lambda: b" ".join(map(orjson.dumps, [{"a": [1]}, *documents])),
    }[shape]()
    assert items_in(PARSER, content, slice_bytes=slice_bytes) == items_in(PARSER, content)


@SOME
@given(
    text=st.text(alphabet=st.sampled_from('[]{},:"\\ a1\n'), max_size=60),
    start=st.sampled_from(["[", '{"a":1}', '[{"a":1},', '{"a":1}\n']),
    slice_bytes=st.integers(1, 40),
)
def test_any_cutting_of_broken_text_gives_the_same_items(
    text: str, start: str, slice_bytes: int
) -> None:
    content = (start + text).encode()
    assert items_in(PARSER, content, slice_bytes=slice_bytes) == items_in(PARSER, content)


TEXTS = st.text(alphabet=st.sampled_from('[]{},:"\\ aé𝄞\n'), max_size=8)
TEXT_DOCUMENTS = st.lists(
    st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS, max_size=2), max_size=3), max_size=12
)


@pytest.mark.parametrize("shape", ["array", "pretty", "lines", "concatenated"])
@SOME
@given(
    documents=TEXT_DOCUMENTS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-be"]),
    block_bytes=st.sampled_from([4, 20, 64]),
    slice_bytes=st.integers(1, 60),
)
def test_blocks_of_any_size_give_the_same_items(
    shape: str, documents: list[Any], encoding: str, block_bytes: int, slice_bytes: int
) -> None:
    text = {
        "array": lambda: orjson.dumps(documents),
        "pretty": lambda: orjson.dumps(documents, option=orjson.OPT_INDENT_2),
        "lines": lambda: b"\r\n".join(map(orjson.dumps, [{"a": [1]}, *documents])),
        "concatenated": lambda: b" ".join(map(orjson.dumps, [{"a": [1]}, *documents])),
    }[shape]()
    content = text.decode().encode(encoding)
    whole = items_in(PARSER, content)
    with pytest.MonkeyPatch.context() as patched:
        for module in (encodings, json_parsing, json_scan):
            patched.setattr(module, "BLOCK_BYTES", block_bytes)
        assert items_in(PARSER, content, slice_bytes=slice_bytes) == whole
