"""Choosing a parser by content."""

from __future__ import annotations

import gzip
import io

import pytest

from domain.errors import InvalidUploadError, UnreadableFileError
from domain.models.files import ImportOptions
from domain.parsers.detection import PARSERS, detect, source_type_of
from tests.builders import slack_export, zip_of

TABLE = b"id,name\n1,Ann\n2,Bo\n"


@pytest.mark.parametrize(
    ("content", "filename", "parser"),
    [
        pytest.param(TABLE, "people.json", "csv", id="table-named-json"),
        pytest.param(TABLE, "people.txt", "csv", id="table-named-txt"),
        pytest.param(b"name\nAnn\n", "people.csv", "csv", id="one-column"),
        pytest.param(b"name\nAnn\n", "people", "text", id="words-without-name"),
        pytest.param(b'[{"a": 1}]', "people.csv", "json", id="json-named-csv"),
        pytest.param(b'{"a": 1}\n{"a": 2}\n', "x", "json", id="lines"),
        pytest.param(b'"alone"', "x.json", "json", id="scalar-named-json"),
        pytest.param(b"# Title\n\nHello, world.\n", "README.md", "text", id="markdown"),
        pytest.param(b"# T\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", "t.md", "text", id="md-table"),
        pytest.param(b"<html><p>a, b</p></html>", "x.csv", "text", id="html"),
        pytest.param(gzip.compress(TABLE), "people.csv", "gzip", id="gzip-unnamed"),
        pytest.param(zip_of({"a.csv": TABLE}), "people.csv", "archive", id="zip-named-csv"),
    ],
)
def test_the_content_decides(content: bytes, filename: str, parser: str) -> None:
    assert detect(io.BytesIO(content), filename).name == parser


def test_a_slack_export_is_told_from_other_zips() -> None:
    assert detect(io.BytesIO(slack_export()), "x.zip").name == "slack"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"{\\rtf1", "RTF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (bytes(range(256)) * 10, "binary"),
        (b"PK\x03\x04 and no more", "zip"),
        (b"no json", "named JSON"),
    ],
)
def test_what_no_parser_reads_is_refused_with_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableFileError, match=words):
        detect(io.BytesIO(content), "x.json")


@pytest.mark.parametrize("source", ["csv", "json", "slack"])
def test_a_source_that_is_a_parser_is_insisted_on(source: str) -> None:
    assert detect(io.BytesIO(b"plain words"), "x", source=source).name == source


def test_a_source_that_is_a_label_is_carried_by_the_records() -> None:
    assert source_type_of(PARSERS["csv"], ImportOptions(source="salesforce")) == "salesforce"


def test_without_a_source_the_parser_names_it() -> None:
    assert source_type_of(PARSERS["json"], ImportOptions()) == "json"


def test_a_source_that_is_no_word_is_refused() -> None:
    with pytest.raises(InvalidUploadError):
        source_type_of(PARSERS["csv"], ImportOptions(source="No Word!"))
