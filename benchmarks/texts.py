"""Made-up texts that read like short notes: the same seed gives the same texts on any machine.

Words follow Zipf's law, as in real text, so that keyword search meets frequent and rare words in
the proportions it meets in practice. Texts have about 37 words.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

MEAN_WORDS = 37
MESSAGE_WORDS = 12
_FREQUENT, _STEMS = (
    paragraph.split()
    for paragraph in Path(__file__).with_name("words.txt").read_text("utf-8").split("\n\n")
)
_ENDINGS = ("", "s", "ing", "ed", "er", "able", "ment", "ness", "ward", "like", "less", "wise")
_PREFIXES = ("", "re", "pre", "over", "under", "sub", "inter", "co")


def vocabulary() -> list[str]:
    """Frequent words first, then made-up families of the stems: about 15,000 words."""
    families = (
        prefix + stem + ending for prefix in _PREFIXES for ending in _ENDINGS for stem in _STEMS
    )
    return list(dict.fromkeys([*_FREQUENT, *families]))


class TextMaker:
    """Draws words by rank: the n-th word of the vocabulary is n times rarer than the first."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)
        self._words = vocabulary()
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(self._words))))

    def texts(self, count: int) -> Iterator[str]:
        for _ in range(count):
            yield self.text()

    def text(self) -> str:
        """Two to five sentences."""
        length = max(8, round(self._chance.gauss(MEAN_WORDS, 9)))
        words = self._draw(length)
        sentences = []
        while words:
            size = min(len(words), self._chance.randrange(7, 16))
            sentence, words = words[:size], words[size:]
            sentences.append(" ".join(sentence).capitalize() + ".")
        return " ".join(sentences)

    def message(self) -> str:
        """What people write in a chat: about a dozen words."""
        return " ".join(self._draw(max(2, round(self._chance.gauss(MESSAGE_WORDS, 5)))))

    def query(self) -> str:
        """Three to eight words, rare ones more likely than in texts."""
        rare = self._chance.choices(self._words[len(_FREQUENT) : 3_000], k=2)
        words = [*self._draw(self._chance.randrange(1, 7)), *rare]
        self._chance.shuffle(words)
        return " ".join(words)

    def _draw(self, count: int) -> list[str]:
        return self._chance.choices(self._words, cum_weights=self._weights, k=count)
