"""The words of a text as indexes compare them that leave this to us.

Case and accents off, English stop words out, English endings off; every other script's words stay.
The same words in each of these indexes, so that a question finds the same wherever it is asked.
What one version has written, the next must find: whoever changes this raises the version of every
index that uses it. Where no spaces are between words, ``domain.words`` comes first.

The list of stop words is a long one. Shorter ones leave questions with ``what``, ``how``
and ``which`` in them to be answered by texts that have these.
"""

from __future__ import annotations

from functools import cache

import tantivy

from domain.words import asked_words

MAX_QUERY_WORDS = 256
"""More than that no index should have to look for at once."""

MAX_WORD_BYTES = 64

FILLER = "zzfillerzz"
"""No text has it but those that are made longer by it, and no question finds anything by it."""

_EXACT_LENGTHS, _STEPS_PER_DOUBLING = 24, 8

_WORDS = """
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she
    her hers herself it its itself they them their theirs themselves what which who whom this that
    these those am is are was were be been being have has had having do does did doing a an the
    and but if or because as until while of at by for with about against between into through
    during before after above below to from up down in out on off over under again further then
    once here there when where why how all any both each few more most other some such no nor not
    only own same so than too very s t can will just don should now d ll m o re ve y ain aren
    couldn didn doesn hadn hasn haven isn ma mightn mustn needn shan shouldn wasn weren won wouldn
"""

_STOP_WORDS = _WORDS.split()


def analyzer() -> tantivy.TextAnalyzer:
    """What cuts a text into words; threads may share it."""
    filters = tantivy.Filter
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(filters.remove_long(MAX_WORD_BYTES))
        .filter(filters.lowercase())
        .filter(filters.ascii_fold())
        .filter(filters.custom_stopword(_STOP_WORDS))
        .filter(filters.stemmer("english"))
        .build()
    )


def words_of(text: str) -> list[str]:
    """The words of a text that is to be found, in order."""
    return _analyzer().analyze(well_formed(text))


def query_words_of(text: str) -> list[str]:
    """The words to look for, in order, at most ``MAX_QUERY_WORDS``; what is asked twice is twice
    among them.
    """
    words = [word for word in words_of(asked_words(text)) if word != FILLER]
    return words[:MAX_QUERY_WORDS]


def filling(words: int) -> list[str]:
    """What makes a text of so many words as long as every index can count it.

    BM25 weighs a word by the length of its text. tantivy keeps lengths in a byte: up to 40 words
    exactly, above that the next lower one of those that the byte has, in steps of an eighth at
    most; Weaviate keeps all. A text that has just such a length scores alike in both.
    """
    above = max(0, words - _EXACT_LENGTHS)
    step = max(1, 2 ** above.bit_length() // (2 * _STEPS_PER_DOUBLING))
    return [FILLER] * (-above % step)


def well_formed(text: str) -> str:
    """Without half characters, which no index takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


_analyzer = cache(analyzer)
