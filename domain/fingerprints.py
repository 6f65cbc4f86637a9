"""Short marks of values, the same in every process."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any


def fingerprint(*values: object, digest_size: int) -> str:
    """Hex digits that tell values from others, 1 from ``"1"`` too; a mapping's order is none.

    Values are dataclasses, of what JSON has and what a text says in full.
    """
    # Not orjson, which refuses numbers of more than 64 bits and texts that are no good Unicode.
    text = json.dumps(values, sort_keys=True, default=_plain)
    return blake2b(text.encode(), digest_size=digest_size).hexdigest()


def _plain(value: Any) -> object:
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return str(value)
