"""How a chunk lies in the full-text index, and what may be asked of it there.

Every document is one version of a chunk, with a number that no other document ever had. What is
looked up or searched is indexed; ``row``, ``kept`` and ``vector`` are stored to be read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import numpy as np
import orjson
import tantivy

from actors.adapters.lancedb.row_cache import Row
from actors.adapters.lancedb.rows import pack, to_microseconds, unpack
from domain.models.chunks import EmbeddedChunk, Embedding, label, labels_of
from domain.models.ids import FileId
from domain.models.search import SearchFilter

NUMBER, WORDS, TAGS, TIME = "number", "words", "tags", "time"
CHUNK_ID, RECORD_ID = "chunk_id", "record_id"
ROW, KEPT, VECTOR = "row", "kept", "vector"

TOKENIZER = "headrace_english"
MAX_TOKEN_BYTES = 64
MAX_QUERY_TOKENS = 256

_FILE_ID_BYTES = 16
_SOURCE, _TYPE, _LABEL, _READER = "s:", "t:", "l:", "r:"
"""What a tag begins with, by what it says."""


def schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field(NUMBER, indexed=True, fast=True)
    builder.add_text_field(WORDS, tokenizer_name=TOKENIZER, index_option="freq")
    builder.add_text_field(TAGS, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field(TIME, indexed=True, fast=True)
    for name in (CHUNK_ID, RECORD_ID):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in (ROW, KEPT, VECTOR):
        builder.add_bytes_field(name, stored=True)
    return builder.build()


def analyzer() -> tantivy.TextAnalyzer:
    """Text to words: case and accents off, English stop words out, English endings off."""
    filters = tantivy.Filter
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(filters.remove_long(MAX_TOKEN_BYTES))
        .filter(filters.lowercase())
        .filter(filters.ascii_fold())
        .filter(filters.stopword("english"))
        .filter(filters.stemmer("english"))
        .build()
    )


def document_of(embedded: EmbeddedChunk, number: int) -> tantivy.Document:
    chunk = embedded.chunk
    record = chunk.record
    tags = [
        _SOURCE + record.source_type,
        _TYPE + record.content_type,
        *(_LABEL + each for each in labels_of(chunk)),
        *(_READER + each for each in record.visibility),
    ]
    time = to_microseconds(record.timestamp) if record.timestamp else None
    kept = {"record_id": record.record_id, "words": chunk.search_text, "tags": tags}
    return _document(
        number,
        chunk_id=chunk.chunk_id,
        row=embedded.file_id.bytes + pack(chunk),
        kept=orjson.dumps({**kept, "time": time}, default=str),
        vector=embedded.embedding.astype(np.float32, copy=False).tobytes(),
    )


def supplied_by(document: tantivy.Document, file_id: FileId, number: int) -> tantivy.Document:
    """A stored document as another file supplies it."""
    row = _stored(document, ROW)
    return _document(
        number,
        chunk_id=chunk_id_of(document),
        row=file_id.bytes + row[_FILE_ID_BYTES:],
        kept=_stored(document, KEPT),
        vector=_stored(document, VECTOR),
    )


def _document(
    number: int, *, chunk_id: UUID, row: bytes, kept: bytes, vector: bytes
) -> tantivy.Document:
    given = orjson.loads(kept)
    document = tantivy.Document()
    document.add_integer(NUMBER, number)
    document.add_text(CHUNK_ID, chunk_id.hex)
    document.add_text(RECORD_ID, UUID(given["record_id"]).hex)
    document.add_text(WORDS, given["words"])
    for tag in given["tags"]:
        document.add_text(TAGS, tag)
    if given["time"] is not None:
        document.add_integer(TIME, given["time"])
    document.add_bytes(ROW, row)
    document.add_bytes(KEPT, kept)
    document.add_bytes(VECTOR, vector)
    return document


def row_of(document: tantivy.Document) -> Row:
    """What a hit needs of a stored document."""
    row, kept = _stored(document, ROW), orjson.loads(_stored(document, KEPT))
    file_id = str(UUID(bytes=row[:_FILE_ID_BYTES]))
    vector = vector_of(document).astype(np.float16)
    return unpack(row[_FILE_ID_BYTES:], file_id, kept["time"], vector)


def chunk_id_of(document: tantivy.Document) -> UUID:
    return UUID(orjson.loads(row_of(document).shown)["chunk_id"])


def vector_of(document: tantivy.Document) -> Embedding:
    return np.frombuffer(_stored(document, VECTOR), dtype=np.float32)


def _stored(document: tantivy.Document, name: str) -> bytes:
    return bytes(cast("bytes", document.get_first(name)))


class Queries:
    """Queries over the schema. Any text is data, never a query language."""

    def __init__(self, of: tantivy.Schema) -> None:
        self._schema = of
        self._analyzer = analyzer()
        self.everything = tantivy.Query.all_query()

    def words(self, text: str, where: SearchFilter) -> tantivy.Query | None:
        """Chunks with any of the words, by BM25; ``None`` for a text without words."""
        tokens = self._analyzer.analyze(_well_formed(text))[:MAX_QUERY_TOKENS]
        if not tokens:
            return None
        found = tantivy.Query.boolean_query(
            [
                (
                    tantivy.Occur.Should,
                    tantivy.Query.term_query(self._schema, WORDS, token, index_option="freq"),
                )
                for token in tokens
            ]
        )
        only = self.filter(where)
        return found if only is None else self.both(found, only)

    def filter(self, where: SearchFilter) -> tantivy.Query | None:
        """What satisfies ``where``, for no score; ``None`` if everything does."""
        terms = []
        if where.sources:
            terms.append(self._any_tag(_SOURCE, where.sources))
        if where.content_types:
            terms.append(self._any_tag(_TYPE, where.content_types))
        if where.since or where.until:
            terms.append(self._between(where.since, where.until))
        terms += [
            self._any_tag(_LABEL, [label(key, value)]) for key, value in where.metadata.items()
        ]
        if where.scope.principals is not None:
            terms.append(self._any_tag(_READER, where.scope.principals))
        if not terms:
            return None
        must = tantivy.Query.boolean_query([(tantivy.Occur.Must, term) for term in terms])
        return tantivy.Query.const_score_query(must, 0.0)

    def both(self, one: tantivy.Query, other: tantivy.Query) -> tantivy.Query:
        must = tantivy.Occur.Must
        return tantivy.Query.boolean_query([(must, one), (must, other)])

    def numbers(self, numbers: Sequence[int]) -> tantivy.Query:
        return tantivy.Query.term_set_query(self._schema, NUMBER, list(numbers))

    def after(self, number: int) -> tantivy.Query:
        """Documents with greater numbers."""
        return self._range(NUMBER, number + 1, None)

    def between(self, first: int, last: int) -> tantivy.Query:
        """Documents with numbers from ``first`` to ``last``, both included."""
        return self._range(NUMBER, first, last)

    def chunks(self, chunk_ids: Iterable[UUID]) -> tantivy.Query:
        ids = [chunk_id.hex for chunk_id in chunk_ids]
        return tantivy.Query.term_set_query(self._schema, CHUNK_ID, ids)

    def records(self, record_ids: Iterable[UUID]) -> tantivy.Query:
        ids = [record_id.hex for record_id in record_ids]
        return tantivy.Query.term_set_query(self._schema, RECORD_ID, ids)

    def _any_tag(self, kind: str, values: Iterable[str]) -> tantivy.Query:
        tags = [kind + _well_formed(value) for value in values]
        if not tags:
            return tantivy.Query.empty_query()
        return tantivy.Query.term_set_query(self._schema, TAGS, tags)

    def _between(self, since: datetime | None, until: datetime | None) -> tantivy.Query:
        first = to_microseconds(since) if since else None
        last = to_microseconds(until) - 1 if until else None
        return self._range(TIME, first, last)

    def _range(self, name: str, first: int | None, last: int | None) -> tantivy.Query:
        kind = tantivy.FieldType.Integer
        return tantivy.Query.range_query(self._schema, name, kind, first, last)


def _well_formed(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


Hits = Sequence[tuple[Any, tantivy.DocAddress]]
"""Scores or values, and where the documents are: true for one searcher."""
