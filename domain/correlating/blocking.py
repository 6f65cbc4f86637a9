"""Blocking: keys under which possible partners of a description are found in a store."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from domain.correlating.normal import company_words, words, words_and_codes
from domain.correlating.values import digits, domain, phone_number, spaced
from domain.models.entities import Description, EntityKind

_MOST = 64
_LONGEST = 64


def blocking_keys(description: Description) -> frozenset[str]:
    """Texts of which two descriptions of one entity, near or exact, share at least one.

    At most 64 exact keys and 64 others, each at most 64 characters. Only descriptions of one kind
    are compared, so a store keeps the kind beside the key. A key that very many descriptions have
    finds little: a store may pass over keys with more than some hundred.
    """
    exact = (key[:_LONGEST] for key in sorted(description.keys)[:_MOST])
    return near_keys(description).union(exact)


def near_keys(description: Description) -> frozenset[str]:
    """Texts of which a description shares one with another that it has no key in common with."""
    found = tuple(dict.fromkeys(_near(description)))
    return frozenset(key[:_LONGEST] for key in found[:_MOST])


def _near(description: Description) -> Iterator[str]:
    name, facts = description.name or "", description.facts
    match description.kind:
        case EntityKind.PERSON:
            yield from _person(name)
        case EntityKind.ACCOUNT:
            yield from (f"word:{word}" for word in company_words(name) if len(word) > 2)
        case _:
            yield from (f"word:{word}" for word in words_and_codes(name) if len(word) > 2)
    if born := digits(facts.get("born", "")):
        yield f"born:{born}"
    if phone := phone_number(facts.get("phone", "")):
        yield f"phone:{phone}"
    if host := domain(facts.get("domain", "")):
        yield f"domain:{host}"
    if facts.get("postcode") and facts.get("address"):
        numbers = [word for word in words(facts["address"]) if word.isdigit()]
        yield f"place:{spaced(facts['postcode'])} {' '.join(numbers[:1])}"
    addresses = [key[6:] for key in description.keys if key.startswith("email:")]
    for address in (*addresses, *facts.get("email", "").lower().split()):
        yield f"mail:{address.split('@')[0]}"


def _person(name: str) -> Iterator[str]:
    """Each pair of words, by the first letters of both, and every word by itself."""
    parts = [word for word in words(name) if len(word) > 1]
    for one, other in combinations(sorted(parts), 2):
        yield f"begins:{one[:3]} {other[:1]}"
        yield f"begins:{other[:3]} {one[:1]}"
    yield from (f"word:{word}" for word in parts)
