"""Versions of parsers and modules, in the order of PEP 440: 2.9 comes before 2.10."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from domain.errors import InvalidQueryError


def parse_version(text: str) -> Version:
    """The version that ``text`` writes.

    Raises:
        InvalidQueryError: it writes none.
    """
    try:
        return Version(text)
    except InvalidVersion as error:
        raise InvalidQueryError(
            f"{text!r} is no version; write it like 2.1 or 2.1rc1", version=text
        ) from error


def is_below(version: str, limit: str) -> bool:
    """Whether ``version`` comes before ``limit``; what writes no version comes before all.

    Raises:
        InvalidQueryError: ``limit`` writes no version.
    """
    bound = parse_version(limit)
    try:
        return Version(version) < bound
    except InvalidVersion:
        return True
