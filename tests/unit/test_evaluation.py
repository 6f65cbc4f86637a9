from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from domain.errors import InvalidQueryError, NotFoundError
from pipelines.evaluation import evaluate

EMBEDDER = HashEmbedder(dimension=64)

DOCUMENTS = [
    {"_id": "1", "title": "Pumps", "text": "the pump in hall three leaks oil"},
    {"_id": "2", "title": "", "text": "the customer asked for a discount"},
    {"_id": "3", "title": "", "text": ""},
    {"_id": "4", "text": "renewal of the contract"},
]
QUERIES = [
    {"_id": "q1", "text": "leaking pump"},
    {"_id": "q2", "text": "discount for a customer"},
    {"_id": "unjudged", "text": "winter"},
    {"_id": "only negative", "text": "contract"},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\t1\t2\nq2\t2\t1\nq2\t4\t0\nonly negative\t4\t-1\n"


def folder(
    directory: Path, *, documents: Sequence[Mapping[str, object]] = DOCUMENTS, qrels: str = QRELS
) -> Path:
    with gzip.open(directory / "corpus.jsonl.gz", "wt") as corpus:
        corpus.writelines(json.dumps(document) + "\n" for document in documents)
    queries = "\n".join(json.dumps(query) for query in QUERIES)
    (directory / "queries.jsonl").write_text(queries)
    (directory / "qrels.tsv").write_text(qrels)
    return directory


async def test_a_perfect_ranking_is_measured_as_perfect_in_every_mode(tmp_path: Path) -> None:
    result = await evaluate(folder(tmp_path), EMBEDDER, tmp_path)
    perfect = {"ndcg@10": 1.0, "recall@100": 1.0, "mrr@10": 1.0, "success@5": 1.0}
    assert result["modes"] == dict.fromkeys(("keyword", "vector", "hybrid"), perfect)


async def test_only_queries_with_a_relevant_document_count(tmp_path: Path) -> None:
    result = await evaluate(folder(tmp_path), EMBEDDER, tmp_path)
    assert (result["documents"], result["queries"]) == (4, 2)


async def test_long_documents_count_once_however_many_chunks_they_have(tmp_path: Path) -> None:
    long = {"_id": "2", "text": "the customer asked for a discount. " * 200}
    result = await evaluate(folder(tmp_path, documents=[DOCUMENTS[0], long]), EMBEDDER, tmp_path)
    assert result["modes"]["hybrid"]["ndcg@10"] == 1.0


async def test_progress_ends_at_the_whole_of_both_steps(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    await evaluate(
        folder(tmp_path), EMBEDDER, tmp_path, on_progress=lambda *step: seen.append(step)
    )
    assert ("documents", 4, 4) in seen
    assert seen[-1] == ("queries", 6, 6)


async def test_nothing_stays_in_the_working_directory(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    await evaluate(folder(tmp_path), EMBEDDER, work)
    assert list(work.iterdir()) == []


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (folder(tmp_path) / "queries.jsonl").unlink()
    with pytest.raises(NotFoundError, match=r"no queries\.jsonl in"):
        await evaluate(tmp_path, EMBEDDER, tmp_path)


@pytest.mark.parametrize(
    ("qrels", "reason"),
    [
        ("query-id\tcorpus-id\tscore\nq1 1 1\n", "line 2"),
        ("query-id\tcorpus-id\tscore\nq1\t1\tyes\n", "line 2"),
        ("query-id\tcorpus-id\tscore\n", "no query"),
    ],
)
async def test_unusable_judgments_are_refused_with_the_reason(
    tmp_path: Path, qrels: str, reason: str
) -> None:
    with pytest.raises(InvalidQueryError, match=reason):
        await evaluate(folder(tmp_path, qrels=qrels), EMBEDDER, tmp_path)


async def test_a_broken_line_of_the_corpus_is_named(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "corpus.jsonl").write_text('{"_id": "1", "text": "a"}\n{"_id": \n')
    with pytest.raises(InvalidQueryError, match="line 2 is not JSON"):
        await evaluate(tmp_path, EMBEDDER, tmp_path)
