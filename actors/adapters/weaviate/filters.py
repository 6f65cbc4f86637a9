"""Search filters as Weaviate's."""

from __future__ import annotations

from collections.abc import Sequence

from weaviate.classes.query import Filter
from weaviate.collections.classes.filters import _Filters as WeaviateFilter

from actors.adapters.weaviate.objects import stored_label, to_microseconds
from domain.models.chunks import entries_of, label
from domain.models.search import Candidate, Match, SearchFilter
from domain.text_conditions import are_met

MAX_LOOKED_AT = 1_000


def finds_nothing(where: SearchFilter) -> bool:
    """Whether no chunk can satisfy the filter, which no filter of Weaviate says."""
    names_nothing = where.within is not None and where.within.chunks == frozenset()
    return where.scope.principals == () or names_nothing


def filter_of(where: SearchFilter) -> WeaviateFilter | None:
    """The filter that a chunk must satisfy, or ``None`` if every chunk does.

    A scope without any principal sees nothing, which no filter of Weaviate says: its caller asks
    nothing then.
    """
    principals = where.scope.principals
    terms: list[WeaviateFilter] = []
    if where.sources:
        terms.append(_one_of("sourceType", [_well_formed(each) for each in where.sources]))
    if where.content_types:
        terms.append(_one_of("contentType", [_well_formed(each) for each in where.content_types]))
    moment = Filter.by_property("timestampMicros")
    if where.since:
        terms.append(moment.greater_or_equal(to_microseconds(where.since)))
    if where.until:
        terms.append(moment.less_than(to_microseconds(where.until)))
    for key, value in where.metadata.items():
        terms.append(_one_of("labels", [stored_label(_well_formed(label(key, value)))]))
    if where.within and where.within.chunks is not None:
        terms.append(Filter.by_id().contains_any([str(one) for one in where.within.chunks]))
    if principals is not None:
        seen_by = [stored_label(_well_formed(each)) for each in principals]
        terms.append(_one_of("visibility", seen_by))
    return Filter.all_of(terms) if terms else None


def looked_at(limit: int, where: SearchFilter) -> int:
    """How many chunks to ask for, where Weaviate cannot say whether they satisfy ``where``.

    It filters by whole values only. What ``where`` asks of texts is looked at in what is found.
    """
    return max(limit, MAX_LOOKED_AT) if where.looks_into_texts else limit


def satisfying(matches: Sequence[Match], where: SearchFilter) -> list[Match]:
    """Those of the found chunks that are as ``where`` asks in what looks into texts."""
    if not where.looks_into_texts:
        return list(matches)
    return [match for match in matches if _is_as_asked(match.read(), where)]


def _is_as_asked(found: Candidate, where: SearchFilter) -> bool:
    text = f"{found.title}\n{found.text}" if found.title else found.text
    return are_met(where, text, entries_of(found.metadata, found.author))


def _one_of(name: str, values: list[str]) -> WeaviateFilter:
    """The property is, or has, one of ``values`` (at least one)."""
    return Filter.by_property(name).contains_any(values)


def _well_formed(text: str) -> str:
    """What protobuf accepts: half of a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
