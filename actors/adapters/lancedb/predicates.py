"""Search filters as SQL predicates; every value is quoted here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

from actors.adapters.on_disk.rows import to_microseconds
from domain.models.chunks import label
from domain.models.search import SearchFilter
from domain.text_conditions import (
    AUTHOR_KEYS,
    PLACE_KEYS,
    literal,
    name_pattern,
    phrase_pattern,
)

BETWEEN = "\x1f"
"""Stands between labels that are looked through together."""

WITHIN = f"[^{BETWEEN}]*?"
END = f"(?:$|{BETWEEN})"

_NO_CHUNK = "none"


def predicate_of(where: SearchFilter) -> str | None:
    """The predicate that a row must satisfy, or ``None`` if every row does."""
    principals = where.scope.principals
    terms = []
    if where.sources:
        terms.append(one_of("source_type", where.sources))
    if where.content_types:
        terms.append(one_of("content_type", where.content_types))
    if where.since:
        terms.append(f"timestamp_us >= {to_microseconds(where.since)}")
    if where.until:
        terms.append(f"timestamp_us < {to_microseconds(where.until)}")
    for key, value in where.metadata.items():
        terms.append(f"array_has(labels, {quoted(label(key, value))})")
    if where.within and where.within.chunks is not None:
        terms.append(one_of("chunk_id", where.within.chunks or (_NO_CHUNK,)))
    terms += [_says(phrase) for phrase in where.phrases]
    terms += [f"NOT {_says(phrase)}" for phrase in where.excluded]
    if where.authors:
        terms.append(_labelled(AUTHOR_KEYS, [f"{WITHIN}{name_pattern(n)}" for n in where.authors]))
    if where.places:
        terms.append(_labelled(PLACE_KEYS, [f"{literal(p)}{END}" for p in where.places]))
    if principals is not None:
        terms.append(_visible_to(principals))
    return " AND ".join(terms) or None


def _says(phrase: str) -> str:
    return f"regexp_like(search_text, {quoted('(?i)' + phrase_pattern(phrase))})"


def _labelled(keys: Iterable[str], values: Iterable[str]) -> str:
    """One of the labels has one of the keys, and a value that one of the patterns begins."""
    pattern = f"(?i)(?:^|{BETWEEN})(?:{'|'.join(keys)})=(?:{'|'.join(values)})"
    return f"regexp_like(array_to_string(labels, {quoted(BETWEEN)}), {quoted(pattern)})"


def one_of(column: str, values: Iterable[object]) -> str:
    """``column`` equals one of ``values`` (at least one)."""
    return f"{column} IN ({', '.join(quoted(str(value)) for value in values)})"


def quoted(value: str) -> str:
    """An SQL string literal. Standard SQL: only the quote itself needs doubling."""
    well_formed = value.encode("utf-8", "replace").decode("utf-8")
    return "'" + well_formed.replace("'", "''") + "'"


def _visible_to(principals: Iterable[str]) -> str:
    terms = [f"array_has(visibility, {quoted(principal)})" for principal in principals]
    return f"({' OR '.join(terms)})" if terms else "false"
