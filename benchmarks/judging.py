"""Ways of cutting, judged through the product's own index and engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import NAMESPACE_URL, uuid5

from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId
from domain.models.search import Query, SearchFilter
from domain.ports.embedder import Embedder
from domain.relevance import ndcg, recall
from pipelines.querying import QueryEngine

MEASURES = ("ndcg@10", "recall@10", "recall@50", "recall@100")
DEPTH = 100
FILE = FileId(uuid5(NAMESPACE_URL, "benchmark"))

Names = Callable[[Chunk, str], Iterable[str]]
"""The judged documents that a chunk stands for, the best for the question first."""


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    gains: Mapping[str, float]
    where: SearchFilter = field(default_factory=SearchFilter)


async def judge(
    chunks: Sequence[Chunk], questions: Sequence[Question], names: Names, embedder: Embedder
) -> dict[str, float]:
    """Means over the questions of every measure."""
    by_id = {chunk.chunk_id: chunk for chunk in chunks}
    vectors = embedder.embed([chunk.embedding_text for chunk in chunks])
    with TemporaryDirectory() as place:
        index = await TantivySearchIndex.open(Path(place), dimension=embedder.dimension)
        for start in range(0, len(chunks), 5_000):
            part = zip(chunks[start : start + 5_000], vectors[start:], strict=False)
            await index.upsert([EmbeddedChunk(chunk, FILE, vector) for chunk, vector in part])
        await index.optimize()
        engine = QueryEngine(index, embedder, leg_deadline_seconds=60.0)
        sums = dict.fromkeys(MEASURES, 0.0)
        for question in questions:
            answer = await engine.answer(Query(question.text, limit=DEPTH, where=question.where))
            found = (by_id[hit.candidate.chunk_id] for hit in answer.hits)
            ranking = list(
                dict.fromkeys(name for chunk in found for name in names(chunk, question.text))
            )
            for name in MEASURES:
                measure = ndcg if name.startswith("ndcg") else recall
                sums[name] += measure(ranking, question.gains, at=int(name.partition("@")[2]))
        await index.close()
    return {name: total / len(questions) for name, total in sums.items()}


def print_header() -> None:
    print("| way | chunks | " + " | ".join(MEASURES) + " |")
    print("|---|---|---|---|---|---|", flush=True)


def print_row(way: str, chunks: int, measures: Mapping[str, float]) -> None:
    numbers = " | ".join(f"{measures[name]:.4f}" for name in MEASURES)
    print(f"| {way} | {chunks} | {numbers} |", flush=True)
