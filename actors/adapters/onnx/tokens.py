"""From a text to what the model reads, the same for every form of it."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

MAX_CHARS_PER_TOKEN = 32
"""A text is cut here before it is tokenised, so that a megabyte costs no more than a page."""


def open_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """A tokenizer that cuts texts after ``max_tokens`` and pads none."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def readable(text: str, max_tokens: int) -> str:
    """As much of a text as can matter, in characters that can be encoded."""
    return text[: max_tokens * MAX_CHARS_PER_TOKEN].encode(errors="replace").decode()
