"""The guide's parser is what the guide says: short, and good enough to be activated."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from actors.modules.loading import load_object
from actors.modules.testing import TestLimits, TestOrder, test_apart
from domain.models.modules import ModuleKind
from domain.models.records import DroppedItem, Record, RejectedItem
from domain.ports.parser import Parser
from tests.builders import items_in, parse_context

run_apart = test_apart
del test_apart

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-parser.md").read_text("utf-8")


def block(language: str) -> str:
    """The page's first block of code in the language."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    assert found
    return found[1]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The guide's package and its sample file."""
    (tmp_path / "acme_standup").mkdir()
    (tmp_path / "acme_standup" / "__init__.py").write_text(block("python"), "utf-8")
    (tmp_path / "monday.standup").write_text(block("text"), "utf-8")
    return tmp_path


@pytest.fixture
def parser(place: Path) -> Parser:
    loaded: Parser = load_object("acme_standup:StandupParser", place)
    return loaded


def test_the_parser_has_thirty_lines_or_about() -> None:
    body = block("python").partition("class ")[2].splitlines()
    assert sum(bool(line.strip()) for line in body) <= 30


def test_the_parser_passes_the_self_test_on_the_sample(place: Path) -> None:
    order = TestOrder(
        ModuleKind.PARSER, "acme_standup:StandupParser", place, [place / "monday.standup"]
    )
    seen = run_apart(order, TestLimits(seconds=20, memory_bytes=2 << 30))
    assert (seen.name, seen.version) == ("standup", "1.0")
    assert [check for check in seen.checks if not check.ok] == []
    assert len(seen.checks) == 8


def test_it_accounts_for_every_line(parser: Parser) -> None:
    content = b"2026-03-30 Ada: hello\n\nno such line\n2026-03-31 Grace: " + b"x" * 200_000
    kinds = [type(item) for item in items_in(parser, content)]
    assert kinds == [Record, DroppedItem, RejectedItem, RejectedItem]


def test_it_says_who_and_when(parser: Parser) -> None:
    (item, *_) = items_in(parser, block("text").encode())
    assert isinstance(item, Record)
    assert (item.author, str(item.timestamp)) == ("Ada", "2026-03-30 00:00:00+00:00")


def test_it_is_cut_where_lines_end(parser: Parser) -> None:
    content = block("text").encode() * 50
    context = parse_context(content)
    plan = list(parser.plan(io.BytesIO(content), context, slice_bytes=500))
    assert len(plan) > 5
    assert items_in(parser, content, slice_bytes=500) == items_in(parser, content)
