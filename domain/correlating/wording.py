"""How evidence is worded for the person who reads it."""

from __future__ import annotations


def share(frequency: float) -> str:
    """``1 in 14`` for 0.07; rounded to two digits, as frequencies of names are estimates."""
    one_in = 1 / frequency
    digits = 1 if one_in < 10 else 0 if one_in < 100 else 1 - len(str(int(one_in))) + 1
    return f"1 in {round(one_in, digits):,g}"


def quoted(*texts: str) -> str:
    """The texts in quotes, in alphabetical order, so that a comparison reads the same both ways."""
    return " and ".join(f"“{text}”" for text in sorted(texts))
