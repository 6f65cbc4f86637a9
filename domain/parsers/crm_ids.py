"""Salesforce's ids, which other systems quote in either of their two lengths."""

from __future__ import annotations

import re

_SHORT = re.compile(r"[A-Za-z0-9]{15}\Z")
_SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def long_id(id: str) -> str:
    """The 18-character form of a 15-character id; anything else as it is.

    The three letters more say which of the others are capitals, five by five.
    """
    if not _SHORT.match(id):
        return id
    fives = (id[0:5], id[5:10], id[10:15])
    return id + "".join(_SUFFIXES[_capitals(five)] for five in fives)


def _capitals(five: str) -> int:
    return sum(1 << at for at, char in enumerate(five) if "A" <= char <= "Z")
