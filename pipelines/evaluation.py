"""Search quality on a judged collection, through the product's own chunking, index and engine."""

from __future__ import annotations

import asyncio
import gzip
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from domain.blend_options import BlendOptions
from domain.chunking import ChunkLimits, chunk_record
from domain.errors import InvalidQueryError, NotFoundError
from domain.models.chunks import EmbeddedChunk
from domain.models.ids import FileId, RecordId
from domain.models.records import ContentType, Place, Record
from domain.models.search import Query, SearchMode
from domain.ports.embedder import Embedder
from domain.ports.search_index import IndexWriter, SearchIndex
from domain.relevance import ndcg, recall, reciprocal_rank, success
from pipelines.querying import QueryEngine

SOURCE = "evaluation"
DOCUMENTS_PER_BATCH = 256
QUERIES_AT_ONCE = 4
DEPTH = 100

Judgments = Mapping[str, Mapping[str, float]]
"""By query id: the gain of each relevant document."""

OnProgress = Callable[[str, int, int], None]
"""Called with a step (``documents`` or ``queries``), how many are done, and of how many."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """``None`` stands for the product's default."""

    limits: ChunkLimits | None = None
    blend: BlendOptions | None = None
    candidates_per_leg: int = 100
    compares_by_words: bool = True
    record_of: Callable[[Mapping[str, Any]], Record] | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """A folder in BEIR layout: ``corpus.jsonl``, ``queries.jsonl`` (or ``.gz``), ``qrels.tsv``."""

    directory: Path

    def documents(self) -> Iterator[Mapping[str, Any]]:
        return _json_lines(_existing(self.directory, "corpus.jsonl"))

    def queries(self) -> Iterator[Mapping[str, Any]]:
        return _json_lines(_existing(self.directory, "queries.jsonl"))

    def judged_queries(self) -> list[tuple[str, str]]:
        """Id and text of every query that has a relevant document."""
        judged = self.judgments()
        return [
            (str(each["_id"]), each.get("text") or "")
            for each in self.queries()
            if str(each["_id"]) in judged
        ]

    def judgments(self) -> Judgments:
        """Only scores above 0 are relevant."""
        path = _existing(self.directory, "qrels.tsv")
        gains: dict[str, dict[str, float]] = {}
        for number, line in enumerate(_lines(path), start=1):
            if not line:
                continue
            query, document, score = _judgment(line, path, number)
            if score > 0:
                gains.setdefault(query, {})[document] = score
        return gains


async def evaluate(
    directory: Path,
    embedder: Embedder,
    work_dir: Path,
    *,
    options: EvaluationOptions | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Index the collection in ``directory`` in a folder of ``work_dir``, and judge every mode.

    Its queries are nobody's operators: they are taken as they are written.

    Returns:
        ``{"modes": {mode: {"ndcg@10", "recall@100", "mrr@10", "success@5"}}, "documents",
        "queries"}``: means over the queries that have a relevant document.

    Raises:
        NotFoundError: a file of the collection is missing.
        InvalidQueryError: a line of it cannot be read, or no query is judged.
    """
    options = options or EvaluationOptions()
    report = on_progress or _report_nothing
    collection = Collection(directory)
    judgments, queries = collection.judgments(), collection.judged_queries()
    if not queries:
        raise InvalidQueryError(f"no query in {directory} has a relevant document in qrels.tsv")
    async with indexed(collection, embedder, work_dir, options, report) as (index, names):
        engine = QueryEngine(
            index,
            embedder,
            candidates_per_leg=options.candidates_per_leg,
            leg_deadline_seconds=60.0,
            blend_options=options.blend,
            compares_by_words=options.compares_by_words,
        )
        modes = await _judge(engine, queries, judgments, names, report)
    return {"modes": modes, "documents": len(names), "queries": len(queries)}


def _report_nothing(step: str, done: int, total: int) -> None: ...


@asynccontextmanager
async def indexed(
    collection: Collection,
    embedder: Embedder,
    work_dir: Path,
    options: EvaluationOptions,
    report: OnProgress = _report_nothing,
) -> AsyncIterator[tuple[SearchIndex, dict[RecordId, str]]]:
    """The collection in an index of its own, for a while, and its own id of every record."""
    place = Path(mkdtemp(prefix="evaluation-", dir=work_dir))
    try:
        index = await TantivySearchIndex.open(place, dimension=embedder.dimension)
        yield index, await _index_documents(collection, embedder, index, options, report)
        await index.close()
    finally:
        shutil.rmtree(place, ignore_errors=True)


async def _index_documents(
    collection: Collection,
    embedder: Embedder,
    index: IndexWriter,
    options: EvaluationOptions,
    report: OnProgress,
) -> dict[RecordId, str]:
    """Returns the collection's own id of every record."""
    total = sum(1 for _ in collection.documents())
    documents = collection.documents()
    names: dict[RecordId, str] = {}
    record_of = options.record_of or _record
    while batch := list(islice(documents, DOCUMENTS_PER_BATCH)):
        records = [record_of(document) for document in batch]
        names |= {record.record_id: record.native_id for record in records}
        await index.upsert(await asyncio.to_thread(_embedded, records, embedder, options))
        report("documents", len(names), total)
    await index.optimize()
    return names


def _record(document: Mapping[str, Any]) -> Record:
    return Record(
        source_type=SOURCE,
        native_id=str(document["_id"]),
        content_type=ContentType.DOCUMENT,
        content=document.get("text") or "",
        place=Place(0, 0),
        title=document.get("title") or None,
    )


def _embedded(
    records: Sequence[Record], embedder: Embedder, options: EvaluationOptions
) -> list[EmbeddedChunk]:
    limits = options.limits or ChunkLimits()
    chunks = [
        chunk
        for record in records
        for chunk in chunk_record(record, model=embedder.model, limits=limits)
    ]
    embeddings = embedder.embed([chunk.embedding_text for chunk in chunks])
    file_id = FileId(uuid5(NAMESPACE_URL, SOURCE))
    return [
        EmbeddedChunk(chunk, file_id, embedding)
        for chunk, embedding in zip(chunks, embeddings, strict=True)
    ]


async def _judge(
    engine: QueryEngine,
    queries: Sequence[tuple[str, str]],
    judgments: Judgments,
    names: Mapping[RecordId, str],
    report: OnProgress,
) -> dict[str, dict[str, float]]:
    free = asyncio.Semaphore(QUERIES_AT_ONCE)
    done = 0

    async def measure(mode: SearchMode, query_id: str, text: str) -> dict[str, float]:
        nonlocal done
        async with free:
            answer = await engine.answer(Query(text, mode, limit=DEPTH, is_plain=True))
        done += 1
        report("queries", done, len(queries) * len(SearchMode))
        ranking = [names[hit.candidate.record_id] for hit in answer.hits]
        return measures_of(ranking, judgments[query_id])

    modes: dict[str, dict[str, float]] = {}
    for mode in (SearchMode.KEYWORD, SearchMode.VECTOR, SearchMode.HYBRID):
        measured = await asyncio.gather(*(measure(mode, *query) for query in queries))
        modes[str(mode)] = means_of(measured)
    return modes


def means_of(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each measure, over the queries, of which there must be one."""
    return {
        name: round(sum(each[name] for each in measured) / len(measured), 4) for name in measured[0]
    }


def measures_of(ranking: Sequence[str], gains: Mapping[str, float]) -> dict[str, float]:
    return {
        "ndcg@10": ndcg(ranking, gains, at=10),
        "recall@100": recall(ranking, gains, at=100),
        "mrr@10": reciprocal_rank(ranking, gains, at=10),
        "success@5": success(ranking, gains, at=5),
    }


def _existing(directory: Path, name: str) -> Path:
    for path in (directory / name, directory / f"{name}.gz"):
        if path.is_file():
            return path
    raise NotFoundError(
        f"no {name} in {directory}: a BEIR folder has corpus.jsonl, queries.jsonl and qrels.tsv"
    )


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as raw:
        for line in raw:
            yield line.decode("utf-8").rstrip("\r\n")


def _json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InvalidQueryError(f"{path} line {number} is not JSON: {error}") from error
        if not isinstance(row, dict) or "_id" not in row:
            raise InvalidQueryError(f"{path} line {number} has no _id")
        yield row


def _judgment(line: str, path: Path, number: int) -> tuple[str, str, float]:
    """A line of qrels; the header counts as a judgment that nothing is relevant."""
    columns = line.split("\t")
    try:
        query, document, score = columns
        return query, document, float(score)
    except ValueError as error:
        if number == 1 and len(columns) == 3:
            return columns[0], columns[1], 0.0
        raise InvalidQueryError(
            f"{path} line {number}: query id, document id and a number are needed, "
            "separated by tabs"
        ) from error
