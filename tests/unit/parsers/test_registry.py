"""Which parser a registry chooses, and which versions it knows."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import pytest

from domain.errors import FatalImportError, UnreadableFileError
from domain.parsers.csv import CsvParser
from domain.parsers.detection import PARSERS
from domain.parsers.registry import FixedParsers, ParserRegistry, accepts, label_of
from domain.parsers.salesforce import SalesforceParser
from domain.parsers.slack import SlackParser
from tests.builders import slack_export, zip_of

TABLE = b"name,amount\nAcme,12\nGlobex,9\nInitech,3\n"
BINARY = b"\x00\x01\x02\x03" * 64
SLACK, CSV, JSON, ARCHIVE, TEXT = (
    label_of(PARSERS[name]) for name in ("slack", "csv", "json", "archive", "text")
)


class NewSlack(SlackParser):
    version = "2.0"


class NewCsv(CsvParser):
    version = "2.0"


class Taker(CsvParser):
    """Takes whatever begins as it is told to."""

    name = "taker"
    version = "1"

    def __init__(self, beginning: bytes) -> None:
        self._beginning = beginning

    def accepts(self, file: BinaryIO) -> bool:
        return file.read(len(self._beginning)) == self._beginning


class Breaking(CsvParser):
    def accepts(self, file: BinaryIO) -> bool:
        raise RuntimeError("no idea")


class OnlyThePort:
    """A parser that has no ``accepts``."""

    async def validate(self, file_content: bytes) -> bool:
        return file_content.startswith(b"name")


def registry(*modules: Any, disabled: tuple[str, ...] = ()) -> ParserRegistry:
    by_name = {module.name: module for module in modules}
    return ParserRegistry(modules=by_name, disabled=frozenset(disabled))


def chosen(parsers: ParserRegistry, content: bytes, source: str | None = None) -> str:
    return label_of(parsers.detect(io.BytesIO(content), "upload", source=source))


def test_without_modules_the_built_in_parsers_are_chosen() -> None:
    assert chosen(registry(), slack_export({"general/2026-01-31": []})) == SLACK


@pytest.mark.parametrize("source", [None, "slack"])
def test_a_module_stands_in_front_of_the_built_in_of_its_name(source: str | None) -> None:
    export = slack_export({"general/2026-01-31": []})
    assert chosen(registry(NewSlack()), export, source) == "slack/2.0"


def test_what_the_module_does_not_accept_the_built_in_reads() -> None:
    refusing = Taker(b"never")
    refusing.name = "slack"
    assert chosen(registry(refusing), slack_export({"general/2026-01-31": []})) == SLACK


def test_a_module_for_a_generic_form_reads_only_that_form() -> None:
    parsers = registry(NewCsv())
    assert chosen(parsers, TABLE) == "csv/2.0"
    assert chosen(parsers, b'{"a": 1}\n{"a": 2}\n') == JSON


def test_a_forced_form_of_an_archive_is_for_its_members() -> None:
    assert chosen(registry(NewCsv()), zip_of({"a.csv": TABLE}), "csv") == ARCHIVE


def test_a_module_with_a_new_name_is_asked_before_the_generic_forms() -> None:
    assert chosen(registry(Taker(b"name,")), TABLE) == "taker/1"


def test_a_module_with_a_new_name_is_asked_after_the_special_parsers() -> None:
    export = slack_export({"general/2026-01-31": []})
    assert chosen(registry(Taker(b"PK")), export) == SLACK


def test_a_module_may_read_what_no_built_in_can() -> None:
    assert chosen(registry(Taker(b"\x00\x01")), BINARY) == "taker/1"


def test_what_nobody_reads_is_refused_as_ever() -> None:
    with pytest.raises(UnreadableFileError):
        chosen(registry(Taker(b"else")), BINARY)


def test_a_module_may_be_named_as_the_source() -> None:
    assert chosen(registry(Taker(b"else")), TABLE, "taker") == "taker/1"


def test_a_module_that_breaks_over_the_question_is_passed_over() -> None:
    assert chosen(registry(Breaking()), TABLE) == CSV


def test_a_parser_that_only_fulfils_the_port_is_asked_to_validate() -> None:
    assert accepts(OnlyThePort(), io.BytesIO(TABLE))  # type: ignore[arg-type]
    assert not accepts(OnlyThePort(), io.BytesIO(BINARY))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "label"),
    [(b"Id,Name\n001000000000001AAA,Acme\n", "salesforce/2.0"), (b"some words\n", TEXT)],
)
def test_a_source_that_is_a_label_leads_to_the_module_only_where_it_reads(
    content: bytes, label: str
) -> None:
    class NewSalesforce(SalesforceParser):
        version = "2.0"

    assert chosen(registry(NewSalesforce()), content, "salesforce") == label


@pytest.mark.parametrize("source", [None, "taker"])
def test_a_disabled_module_is_not_asked(source: str | None) -> None:
    parsers = registry(disabled=("taker",))
    if source is None:
        assert chosen(parsers, TABLE) == CSV
    else:
        with pytest.raises(UnreadableFileError, match="disabled"):
            chosen(parsers, TABLE, source)


@pytest.mark.parametrize("source", [None, "csv"])
def test_a_disabled_parser_refuses_its_files_with_the_fix(source: str | None) -> None:
    with pytest.raises(UnreadableFileError, match="headrace modules rollback csv"):
        chosen(registry(disabled=("csv",)), TABLE, source)


def test_a_version_is_found_by_its_label() -> None:
    parsers = registry(NewSlack())
    for label in (SLACK, "slack/2.0", CSV):
        found = parsers.of_label(label)
        assert found is not None
        assert label_of(found) == label


@pytest.mark.parametrize("label", ["slack/0.9", "csv/2.0", "", "none/1"])
def test_another_version_is_not_taken_for_the_asked_one(label: str) -> None:
    assert registry(NewSlack()).of_label(label) is None


async def test_fixed_parsers_are_the_built_in_ones() -> None:
    parsers = FixedParsers()
    assert (await parsers.current()).built_in is PARSERS
    assert await parsers.of_label(CSV) is PARSERS["csv"]


async def test_a_file_whose_parser_has_left_is_told_to_be_replayed() -> None:
    with pytest.raises(FatalImportError, match="replay the file"):
        await FixedParsers().of_label("slack/0.9")
