"""How a chunk lies in the full-text index, and what is read back of it.

Every document is one version of a chunk, with a number that no other document ever had. What is
looked up or searched is indexed; ``row``, ``kept`` and ``vector`` are stored to be read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import numpy as np
import orjson
import tantivy

from actors.adapters.english import filling, well_formed, words_of
from actors.adapters.tantivy_faiss.rows import (
    UNDATED,
    Row,
    pack,
    pack_row,
    shown_in,
    to_microseconds,
)
from actors.adapters.tantivy_faiss.texts import all_starts, signs_of, words_in_order
from domain.models.chunks import (
    AUTHOR,
    EmbeddedChunk,
    Embedding,
    entries_of,
    labels_of,
    search_text_of,
)
from domain.models.ids import ChunkId, FileId
from domain.models.search import SearchFilter
from domain.text_conditions import AUTHOR_KEYS, PLACE_KEYS, are_met, named

NUMBER, TIME, ORDER = "number", "time", "order"
WORDS, SAID, TAGS = "words", "said", "tags"
CHUNK_ID, RECORD_ID = "chunk_id", "record_id"
ROW, KEPT, VECTOR = "row", "kept", "vector"

ENGLISH, BLANKS = "headrace_english", "headrace_blanks"

SOURCE, TYPE, LABEL, READER, PLACE, NAME, SIGN = "s:", "t:", "l:", "r:", "p:", "n:", "c:"
"""What a tag begins with, by what it says."""

MAX_TAG_CHARS = 1_000
"""No place or key is longer for a reason; tantivy drops what has more than 65,530 bytes."""

_ID_BYTES = 16
_SIGN_BIT = 2**63


def schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in (NUMBER, TIME):
        builder.add_integer_field(name, indexed=True, fast=True)
    builder.add_integer_field(ORDER, fast=True)
    builder.add_text_field(WORDS, tokenizer_name=ENGLISH, index_option="freq")
    builder.add_text_field(SAID, tokenizer_name=BLANKS, index_option="position")
    for name in (TAGS, CHUNK_ID, RECORD_ID):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (ROW, KEPT, VECTOR):
        builder.add_bytes_field(name, stored=True)
    return builder.build()


def blanks() -> tantivy.TextAnalyzer:
    """What stands between blanks, as it stands there."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


def tag(kind: str, value: str) -> str:
    return kind + well_formed(value[:MAX_TAG_CHARS])


def document_of(embedded: EmbeddedChunk, number: int) -> tantivy.Document:
    chunk = embedded.chunk
    record = chunk.record
    entries = entries_of(chunk.all_metadata, record.author)
    kept = {
        "tags": [
            tag(SOURCE, record.source_type),
            tag(TYPE, record.content_type),
            *(tag(LABEL, each) for each in labels_of(chunk)),
            *(tag(READER, each) for each in record.visibility),
        ],
        "authors": [well_formed(one) for one in named(entries, AUTHOR_KEYS)],
        "places": [well_formed(one) for one in named(entries, PLACE_KEYS)],
        "time": to_microseconds(record.timestamp) if record.timestamp else None,
    }
    return _document(
        number,
        row=embedded.file_id.bytes + chunk.chunk_id.bytes + pack(chunk),
        kept=orjson.dumps(kept),
        vector=embedded.embedding.astype(np.float32, copy=False).tobytes(),
    )


def supplied_by(document: tantivy.Document, file_id: FileId, number: int) -> tantivy.Document:
    """A stored document as another file supplies it."""
    row = file_id.bytes + _stored(document, ROW)[_ID_BYTES:]
    return _document(
        number, row=row, kept=_stored(document, KEPT), vector=_stored(document, VECTOR)
    )


def _document(number: int, *, row: bytes, kept: bytes, vector: bytes) -> tantivy.Document:
    """Everything that is indexed is made of what is stored."""
    facts, shown = orjson.loads(kept), orjson.loads(_shown(row))
    text, searched = _read_text(shown), search_text_of(shown["title"], shown["text"])
    chunk_id = row[_ID_BYTES : 2 * _ID_BYTES]
    record_id = row[2 * _ID_BYTES : 3 * _ID_BYTES]
    document = tantivy.Document()
    document.add_integer(NUMBER, number)
    document.add_integer(TIME, UNDATED if facts["time"] is None else facts["time"])
    document.add_integer(ORDER, int.from_bytes(chunk_id[:8]) - _SIGN_BIT)
    document.add_text(CHUNK_ID, chunk_id.hex())
    document.add_text(RECORD_ID, record_id.hex())
    document.add_text(WORDS, searched)
    document.add_text(WORDS, " ".join(filling(len(words_of(searched)))))
    document.add_text(SAID, words_in_order(text))
    for each in _tags(facts, text):
        document.add_text(TAGS, each)
    document.add_bytes(ROW, row)
    document.add_bytes(KEPT, kept)
    document.add_bytes(VECTOR, vector)
    return document


def _tags(facts: Any, text: str) -> list[str]:
    return [
        *facts["tags"],
        *{tag(PLACE, place.casefold()) for place in facts["places"]},
        *(tag(NAME, start) for start in all_starts(facts["authors"])),
        *(tag(SIGN, sign) for sign in signs_of(text)),
    ]


def packed_row_of(document: tantivy.Document) -> bytes:
    """What a hit needs of a stored document but its vector."""
    time = orjson.loads(_stored(document, KEPT))["time"]
    row, ids = _stored(document, ROW), 2 * _ID_BYTES
    return pack_row(row[:ids], row[ids:], time=UNDATED if time is None else time)


def row_of(document: tantivy.Document) -> Row:
    """What a hit needs of a stored document."""
    packed = packed_row_of(document)
    return Row(packed, 0, len(packed), vector_of(document).astype(np.float16))


def chunk_id_of(document: tantivy.Document) -> ChunkId:
    return ChunkId(UUID(bytes=_stored(document, ROW)[_ID_BYTES : 2 * _ID_BYTES]))


def vector_of(document: tantivy.Document) -> Embedding:
    return np.frombuffer(_stored(document, VECTOR), dtype=np.float32)


def is_as_asked(document: tantivy.Document, where: SearchFilter) -> bool:
    """Whether a stored document is as ``where`` asks in what looks into texts."""
    facts = orjson.loads(_stored(document, KEPT))
    shown = orjson.loads(_shown(_stored(document, ROW)))
    entries = {AUTHOR: facts["authors"], PLACE_KEYS[0]: facts["places"]}
    return are_met(where, _read_text(shown), entries)


def _shown(row: bytes) -> bytes:
    return shown_in(row[2 * _ID_BYTES :])


def _read_text(shown: Any) -> str:
    """As ``Chunk.embedding_text``."""
    text: str = shown["text"]
    return f"{shown['title']}\n{text}" if shown["title"] else text


def _stored(document: tantivy.Document, name: str) -> bytes:
    return bytes(cast("bytes", document.get_first(name)))


Hits = Sequence[tuple[Any, tantivy.DocAddress]]
"""Scores or values, and where the documents are: true for one searcher."""
