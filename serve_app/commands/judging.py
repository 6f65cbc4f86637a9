"""``eval`` of labelled pairs: questions and the records that answer them, asked of a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from domain.errors import InvalidQueryError
from domain.models.search import SearchMode
from pipelines.evaluation import means_of, measures_of
from serve_app.client import HeadraceClient
from serve_app.commands.evaluating import show
from serve_app.commands.output import Output

DEPTH = 100
RELEVANT = "1"

Pairs = Mapping[str, Mapping[str, float]]
"""By question: the gain of each record, by its id."""


def evaluate_pairs(client: HeadraceClient, path: Path, output: Output) -> None:
    """Ask the service every question in every mode, and judge its answers.

    Raises:
        InvalidQueryError: a line of the file cannot be read, or there is none.
    """
    pairs = read_pairs(path)
    modes = {}
    for mode in (SearchMode.KEYWORD, SearchMode.VECTOR, SearchMode.HYBRID):
        measured = [
            measures_of(_ranking(client, question, mode, gains), gains)
            for question, gains in pairs.items()
        ]
        modes[str(mode)] = means_of(measured)
        output.note(f"{mode}: {len(pairs):,} questions")
    records = {record for gains in pairs.values() for record in gains}
    result = {"modes": modes, "documents": len(records), "queries": len(pairs)}
    if output.as_json:
        output.json(result)
    else:
        show(output, result)


def read_pairs(path: Path) -> Pairs:
    """Lines of question, record id and, where wanted, a gain, separated by tabs."""
    pairs: dict[str, dict[str, float]] = {}
    lines = path.read_text("utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if line.strip():
            question, record, gain = _pair(line, path, number)
            pairs.setdefault(question, {})[record] = gain
    if not pairs:
        raise InvalidQueryError(f"{path} is empty: a line is a question, a tab and a record id")
    return pairs


def _pair(line: str, path: Path, number: int) -> tuple[str, str, float]:
    columns = line.split("\t")
    try:
        question, record, *gain = columns
        [relevance] = gain or [RELEVANT]
        return question.strip(), str(UUID(record.strip())), float(relevance)
    except ValueError as error:
        raise InvalidQueryError(
            f"{path} line {number}: a question, a record id (a hit's record_id) and perhaps a "
            "number are needed, separated by tabs"
        ) from error


def _ranking(
    client: HeadraceClient, question: str, mode: SearchMode, gains: Mapping[str, float]
) -> list[str]:
    answer = client.query({"query": question, "mode": str(mode), "limit": DEPTH})
    return list(dict.fromkeys(name for hit in answer["hits"] for name in _names(hit, gains)))


def _names(hit: Mapping[str, Any], gains: Mapping[str, float]) -> Sequence[str]:
    """Of a passage all members that were meant, else its best one."""
    meant = [each["record_id"] for each in hit["records"] if each["record_id"] in gains]
    return meant or [hit["record_id"]]
