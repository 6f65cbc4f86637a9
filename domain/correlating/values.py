"""Comparing facts as whole values: dates, places, numbers, addresses."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rapidfuzz.distance import OSA, JaroWinkler

from domain.correlating.normal import folded, words
from domain.correlating.texts import Frequency
from domain.correlating.wording import quoted, share
from domain.models.entities import Evidence


@dataclass(frozen=True, slots=True)
class Level:
    """One outcome of a comparison: how often it comes with and without one entity behind both."""

    words: str
    matches: float
    chance: float

    @property
    def weight(self) -> float:
        return math.log2(self.matches / self.chance)


@dataclass(frozen=True, slots=True)
class ValueModel:
    """What equal, similar and different values are worth.

    ``equal`` is the probability that two descriptions of one entity have the same value; what it
    is worth depends on how common the value is. ``level`` names the outcome for values that are
    not equal, None where they say nothing.
    """

    normal: Callable[[str], str]
    usual: float
    equal: float
    level: Callable[[str, str], Level | None]

    def tokens(self, text: str) -> Iterator[str]:
        normal = self.normal(text)
        return iter((normal,) if normal else ())

    def compare(self, label: str, a: str, b: str, frequency: Frequency) -> Iterator[Evidence]:
        left, right = self.normal(a), self.normal(b)
        if not left or not right:
            return
        if left == right:
            common = frequency(left)
            weight = max(0.0, math.log2(self.equal / common))
            yield Evidence(f"{label}: both {quoted(left)}, as {share(common)}", weight)
        elif level := self.level(left, right):
            yield Evidence(f"{label}: {quoted(left, right)} {level.words}", level.weight)


@dataclass(frozen=True, slots=True)
class AgreementModel:
    """What equal values are worth that are too common to be counted; different ones say nothing."""

    equal: float
    chance: float

    @property
    def usual(self) -> float:
        return self.chance

    def tokens(self, text: str) -> Iterator[str]:
        return iter(())

    def compare(self, label: str, a: str, b: str, frequency: Frequency) -> Iterator[Evidence]:
        if a == b:
            yield Evidence(f"{label}: both {quoted(a)}", math.log2(self.equal / self.chance))


def spaced(text: str) -> str:
    return " ".join(words(text))


def digits(text: str) -> str:
    return "".join(c for c in folded(text) if c.isdigit())


def phone_number(text: str) -> str:
    """The last nine digits, without an extension; shorter ones are none."""
    number = digits(re.split(r"(?i)x|ext", text)[0])
    return number[-9:] if len(number) >= 7 else ""


def date_level(a: str, b: str) -> Level | None:
    if OSA.distance(a, b, score_cutoff=1) <= 1 or sorted(a) == sorted(b):
        return Level("differ in one place", 0.10, 0.004)
    if a[:4] == b[:4] or a[4:] == b[4:]:
        return Level("agree in part", 0.06, 0.02)
    return Level("differ", 0.03, 0.97)


def code_level(a: str, b: str) -> Level | None:
    if len(a) == len(b) and OSA.distance(a, b, score_cutoff=1) <= 1:
        return Level("differ in one place", 0.12, 0.01)
    return Level("differ", 0.12, 0.98)


def place_level(a: str, b: str) -> Level | None:
    if JaroWinkler.similarity(a, b) >= 0.88 or OSA.normalized_similarity(a, b) >= 0.75:
        return Level("are alike", 0.12, 0.01)
    return Level("differ", 0.10, 0.95)


def job_level(a: str, b: str) -> Level | None:
    if set(a.split()) & set(b.split()):
        return Level("agree in part", 0.2, 0.15)
    return Level("differ", 0.2, 0.8)


def company_level(a: str, b: str) -> Level | None:
    if JaroWinkler.similarity(a, b) >= 0.93 or set(a.split()) & set(b.split()):
        return Level("agree in part", 0.15, 0.02)
    return Level("differ", 0.1, 0.95)


def mild_level(a: str, b: str) -> Level | None:
    return Level("differ", 0.3, 0.99)


def year_level(a: str, b: str) -> Level | None:
    if a.isdigit() and b.isdigit() and abs(int(a) - int(b)) == 1:
        return Level("are a year apart", 0.04, 0.15)
    return Level("differ", 0.02, 0.8)


def no_level(a: str, b: str) -> Level | None:
    return None


FREE_MAIL = frozenset(
    {
        *("163.com", "aol.com", "gmail.com", "gmx.com", "gmx.de", "gmx.net", "googlemail.com"),
        *("hotmail.com", "icloud.com", "live.com", "mac.com", "mail.com", "mail.ru", "me.com"),
        *("msn.com", "outlook.com", "proton.me", "protonmail.com", "qq.com", "web.de"),
        *("yahoo.com", "yandex.ru", "ymail.com", "zoho.com"),
    }
)
"""Domains of addresses that say nothing about an employer."""


def domain(text: str) -> str:
    """The host of a domain, address or URL without ``www.``; free mail services are none."""
    host = folded(text.strip()).rsplit("@", 1)[-1].split("//")[-1].split("/")[0].split(":")[0]
    host = host.removeprefix("www.")
    return "" if host in FREE_MAIL else host


@dataclass(frozen=True, slots=True)
class MailModel:
    """What similar mail addresses are worth; blanks stand between several."""

    usual: float

    def tokens(self, text: str) -> Iterator[str]:
        return iter({host for host in map(domain, text.split()) if host})

    def compare(self, label: str, a: str, b: str, frequency: Frequency) -> Iterator[Evidence]:
        levels = [
            (self._level(one, other, frequency), quoted(one, other))
            for one in a.split()
            for other in b.split()
        ]
        if levels:
            level, addresses = max(levels, key=lambda pair: (pair[0].weight, pair[1]))
            yield Evidence(f"{label}: {addresses} {level.words}", level.weight)

    def _level(self, a: str, b: str, frequency: Frequency) -> Level:
        if a == b:
            return Level("are the same", 0.5, 0.00005)
        if a.split("@")[0] == b.split("@")[0]:
            return Level("have the same name", 0.1, 0.001)
        if OSA.normalized_similarity(a, b) >= 0.8:
            return Level("are alike", 0.1, 0.0005)
        if domain(a) and domain(a) == domain(b):
            return Level("are of one domain", 0.2, max(0.0005, 0.2 * frequency(domain(a))))
        return Level("differ", 0.2, 0.95)


@dataclass(frozen=True, slots=True)
class ContextModel:
    """What it is worth to be seen with the same things: ``;`` between channels, products, teams."""

    usual: float
    equal: float

    def tokens(self, text: str) -> Iterator[str]:
        return iter(dict.fromkeys(filter(None, map(spaced, text.split(";")))))

    def compare(self, label: str, a: str, b: str, frequency: Frequency) -> Iterator[Evidence]:
        left, right = set(self.tokens(a)), set(self.tokens(b))
        if not left or not right:
            return
        # Things that people are seen with come together, so only the rarest counts.
        rarest = min(sorted(left & right), key=frequency, default=None)
        if rarest is None:
            yield Evidence(f"{label}: nothing in common", math.log2(1 - self.equal))
            return
        weight = max(0.0, math.log2(self.equal / frequency(rarest)))
        yield Evidence(f"{label}: both {quoted(rarest)}, as {share(frequency(rarest))}", weight)
