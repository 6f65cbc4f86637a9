"""What may be asked of the full-text index. Any text is data, never a query language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import tantivy

from actors.adapters.english import query_words_of, well_formed
from actors.adapters.tantivy_faiss.documents import (
    CHUNK_ID,
    LABEL,
    NAME,
    NUMBER,
    PLACE,
    READER,
    RECORD_ID,
    SAID,
    SIGN,
    SOURCE,
    TAGS,
    TIME,
    TYPE,
    WORDS,
    tag,
)
from actors.adapters.tantivy_faiss.rows import UNDATED, to_microseconds
from actors.adapters.tantivy_faiss.texts import (
    PhraseTokens,
    asked_name,
    phrase_tokens,
)
from domain.models.chunks import label
from domain.models.search import SearchFilter

LOOKED_UP_SINGLY = 256
"""So many values are looked up one by one, 60 of them in a third of the time that a walk over all
terms takes."""

Query = tantivy.Query


class Narrowed(NamedTuple):
    """The documents that may satisfy a filter; ``None`` stands for all of them.

    With ``is_exact`` all of them do, else they are to be read (``documents.is_as_asked``).
    """

    query: Query | None
    is_exact: bool


class Queries:
    """Queries over the schema."""

    def __init__(self, of: tantivy.Schema) -> None:
        self._schema = of
        self.everything = Query.all_query()

    def words(self, text: str) -> Query | None:
        """Documents with any of the words, by BM25; what is asked twice counts twice.

        ``None`` for a text without words.
        """
        words = query_words_of(text)
        if not words:
            return None
        return _any(
            Query.term_query(self._schema, WORDS, word, index_option="freq") for word in words
        )

    def narrowed(self, where: SearchFilter, searcher: tantivy.Searcher) -> Narrowed:
        """What may satisfy ``where`` among the documents of ``searcher``, for no score."""
        terms = self._facts(where)
        phrases = [phrase_tokens(well_formed(phrase)) for phrase in where.phrases]
        for phrase in phrases:
            terms += self._said(phrase)
        if where.authors:
            terms.append(_any(self._named(name, searcher) for name in where.authors))
        excluded = [phrase_tokens(well_formed(phrase)) for phrase in where.excluded]
        without = [self._said(phrase)[0] for phrase in excluded if phrase.is_all]
        is_exact = not where.authors and all(each.is_all for each in (*phrases, *excluded))
        if not terms and not without:
            return Narrowed(None, is_exact)
        if without:
            terms.append(self.everything)
        query = _all(terms, besides=without)
        return Narrowed(Query.const_score_query(query, 0.0), is_exact)

    def _facts(self, where: SearchFilter) -> list[Query]:
        """What an index of exact values knows."""
        terms = []
        if where.sources:
            terms.append(self._any_tag(SOURCE, where.sources))
        if where.content_types:
            terms.append(self._any_tag(TYPE, where.content_types))
        if where.since or where.until:
            terms.append(self._between(where.since, where.until))
        if where.within and where.within.chunks is not None:
            terms.append(self.chunks(where.within.chunks))
        if where.places:
            terms.append(self._any_tag(PLACE, [place.casefold() for place in where.places]))
        if where.scope.principals is not None:
            terms.append(self._any_tag(READER, where.scope.principals))
        labels = [label(key, value) for key, value in where.metadata.items()]
        return terms + [self._any_tag(LABEL, [one]) for one in labels]

    def _said(self, phrase: PhraseTokens) -> list[Query]:
        """What every document has that contains the phrase."""
        terms = [self._any_tag(SIGN, [sign]) for sign in phrase.signs]
        terms += [Query.term_query(self._schema, SAID, each, "basic") for each in phrase.others]
        if len(phrase.words) > 1:
            terms.append(Query.phrase_query(self._schema, SAID, list(phrase.words)))
        elif phrase.words:
            terms.append(Query.term_query(self._schema, SAID, phrase.words[0], "basic"))
        return terms

    def _named(self, name: str, searcher: tantivy.Searcher) -> Query:
        """Documents of authors that the beginning of ``name`` may be that of."""
        prefix = tag(NAME, asked_name(name))
        tags = [found for found, _ in searcher.terms_with_prefix(TAGS, prefix)]
        return self._of(TAGS, tags)

    def both(self, one: Query, other: Query | None) -> Query:
        return one if other is None else _all([one, other])

    def only(self, numbers: Sequence[int]) -> Query:
        """Documents with any of these, for no score."""
        return Query.const_score_query(self.numbers(numbers), 0.0)

    def numbers(self, numbers: Sequence[int]) -> Query:
        return self._one_of(NUMBER, numbers)

    def after(self, number: int) -> Query:
        """Documents with greater numbers."""
        return self._range(NUMBER, number + 1, None)

    def at(self, time: int) -> Query:
        """Documents of this time, in microseconds."""
        return self._range(TIME, time, time)

    def chunks(self, chunk_ids: Iterable[UUID]) -> Query:
        return self._of(CHUNK_ID, [chunk_id.hex for chunk_id in chunk_ids])

    def records(self, record_ids: Iterable[UUID]) -> Query:
        return self._of(RECORD_ID, [record_id.hex for record_id in record_ids])

    def _any_tag(self, kind: str, values: Iterable[str]) -> Query:
        return self._of(TAGS, [tag(kind, value) for value in values])

    def _of(self, name: str, values: Sequence[str]) -> Query:
        return self._one_of(name, values) if values else Query.empty_query()

    def _one_of(self, name: str, values: Sequence[str | int]) -> Query:
        """Documents with any of these, at least one, by a score that means nothing."""
        if len(values) > LOOKED_UP_SINGLY:
            return Query.term_set_query(self._schema, name, list(values))
        return _any(Query.term_query(self._schema, name, value, "basic") for value in values)

    def _between(self, since: datetime | None, until: datetime | None) -> Query:
        first = to_microseconds(since) if since else UNDATED + 1
        return self._range(TIME, first, to_microseconds(until) - 1 if until else None)

    def _range(self, name: str, first: int | None, last: int | None) -> Query:
        kind = tantivy.FieldType.Integer
        return Query.range_query(self._schema, name, kind, first, last)


def _any(queries: Iterable[Query]) -> Query:
    return Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def _all(queries: Iterable[Query], *, besides: Iterable[Query] = ()) -> Query:
    return Query.boolean_query(
        [
            *((tantivy.Occur.Must, query) for query in queries),
            *((tantivy.Occur.MustNot, query) for query in besides),
        ]
    )
