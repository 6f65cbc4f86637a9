"""``python -m benchmarks.chunking HERB_FOLDER``: how conversations are best cut, measured.

The folder holds ``slack-export.zip``, ``gong-transcripts.jsonl.gz``, ``ir/`` in BEIR's form and
``gold/``, which says which message and call each judged document is. Every way of cutting is
judged by records: a passage that was found stands for its members, the one that fits the question
best first. Vectors are kept in ``--cache``, so that a second run only asks.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

from actors.bootstrap import open_embedder
from actors.settings import Settings
from benchmarks.judging import (
    Names,
    Question,
    judge,
    print_header,
    print_row,
)
from benchmarks.vector_cache import CachedEmbedder
from domain.chunking import ChunkLimits, chunk_record
from domain.models.chunks import Chunk
from domain.models.files import ImportOptions
from domain.models.ids import RecordId, derive_group_id
from domain.models.records import ContentType, Place, Record, Segment
from domain.parsers.slack import SlackParser
from domain.passages import PassageLimits, best_member, compose
from domain.ports.parser import ParseContext
from pipelines.evaluation import Collection

NOWHERE = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Way:
    """A way of cutting. ``passages`` of ``None`` gives each message a chunk of its own."""

    name: str
    passages: PassageLimits | None = None
    is_alone: bool = False
    has_header: bool = True
    has_turns: bool = True


WAYS = (
    Way("a message a chunk"),
    Way("a message a chunk, calls without turns", has_turns=False),
    Way("a message a chunk, under a header", PassageLimits(), is_alone=True),
    Way("days, pause 1 h", PassageLimits()),
    Way("days, pause 15 min", PassageLimits(gap_seconds=900)),
    Way("days, no pause", PassageLimits(gap_seconds=inf)),
    Way("days, pause 1 h, no header", PassageLimits(), has_header=False),
    Way("days, pause 1 h, 100 tokens", PassageLimits(max_tokens=100)),
    Way("days, pause 1 h, 100 tokens, no overlap", PassageLimits(100, 0)),
    Way("days, pause 1 h, 140 tokens", PassageLimits(max_tokens=140)),
    Way("days, pause 1 h, 200 tokens, overlap 48", PassageLimits(200, 48)),
    Way("days, pause 1 h, 200 tokens, no overlap", PassageLimits(200, 0)),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """Judged records, and what the collection calls them."""

    messages: Sequence[Record]
    others: Sequence[Record]
    names: Mapping[RecordId, str]


def read_sources(folder: Path, products: set[str] | None) -> Sources:
    """Messages and calls from the sources' own exports, all else as the collection has it."""
    slack = {(r["channel"], r["ts"]): r["herb_id"] for r in _table(folder, "slack_id_map.tsv.gz")}
    calls = {row["call_id"]: row["herb_id"] for row in _table(folder, "gong_id_map.tsv")}
    documents = {
        document["_id"]: document
        for document in Collection(folder / "ir").documents()
        if products is None or document["metadata"]["product"] in products
    }
    messages: list[Record] = []
    names: dict[RecordId, str] = {}
    for record in messages_of(folder / "slack-export.zip"):
        ts = record.native_id.rpartition(":")[2]
        name = slack.get((str(record.metadata["channel"]).removeprefix("#"), ts))
        if name is not None and name in documents:
            names[record.record_id] = name
            messages.append(record)
    found = set(names.values()) | set(calls.values())
    others = [r for r in _calls(folder, calls) if r.native_id in documents]
    others += [_document(each) for each in documents.values() if each["_id"] not in found]
    names |= {record.record_id: record.native_id for record in others}
    return Sources(messages, others, names)


def _table(folder: Path, name: str) -> Iterator[Mapping[str, str]]:
    path = folder / "gold" / name
    packed = path.read_bytes()
    text = (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode()
    header, *rows = (line.split("\t") for line in text.splitlines())
    return (dict(zip(header, row, strict=True)) for row in rows)


def messages_of(path: Path) -> Iterator[Record]:
    parser = SlackParser()
    context = ParseContext(path.name, "slack", "", ImportOptions())
    with path.open("rb") as file:
        for part in parser.plan(file, context, slice_bytes=10_000_000):
            for item in parser.read(file, part, context):
                if isinstance(item, Record):
                    yield item


def _calls(folder: Path, names: Mapping[str, str]) -> Iterator[Record]:
    """Transcripts, a line and a segment a turn; speakers by their ids, as far as it matters."""
    with gzip.open(folder / "gong-transcripts.jsonl.gz") as lines:
        for line in lines:
            call = json.loads(line)
            content, segments = "", []
            for turn in call["transcript"]:
                start = len(content)
                content += " ".join(sentence["text"] for sentence in turn["sentences"]) + "\n"
                segments.append(Segment(start, len(content), {"speaker": turn["speakerId"]}))
            name = names[call["callId"]]
            title = name.replace("_", " ")
            kind = ContentType.TRANSCRIPT
            yield Record("gong", name, kind, content, NOWHERE, title, segments=tuple(segments))


def _document(document: Mapping[str, Any]) -> Record:
    title = document.get("title") or None
    kind = ContentType.DOCUMENT
    return Record("document", document["_id"], kind, document["text"], NOWHERE, title)


def groups_of(
    messages: Sequence[Record], *, are_alone: bool = False
) -> Mapping[str, Sequence[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in messages:
        key = record.native_id if are_alone else record.group
        groups.setdefault(key or record.native_id, []).append(record)
    return groups


def chunks_of(way: Way, sources: Sources, model: str) -> Iterator[Chunk]:
    for record in sources.others:
        whole = record if way.has_turns else replace(record, segments=())
        yield from chunk_record(whole, model=model, limits=ChunkLimits())
    if way.passages is None:
        for record in sources.messages:
            yield from chunk_record(record, model=model, limits=ChunkLimits())
        return
    for key, members in groups_of(sources.messages, are_alone=way.is_alone).items():
        group_id = derive_group_id("slack", key)
        for chunk in compose(group_id, members, model=model, limits=way.passages):
            title = chunk.record.title if way.has_header else members[0].title
            yield replace(chunk, record=replace(chunk.record, title=title))


def names_in(sources: Sources) -> Names:
    def names(chunk: Chunk, question: str) -> Iterator[str]:
        if not chunk.members:
            yield sources.names[chunk.record.record_id]
            return
        yield sources.names[best_member(chunk.text, chunk.members, question).record_id]
        yield from (sources.names[member.record_id] for member in chunk.members)

    return names


@dataclass(frozen=True, slots=True)
class ChunkingResult:
    """How well a way of cutting answers the collection's questions."""

    way: str
    chunks: int
    measures: Mapping[str, float]


def measure_chunking(
    folder: Path,
    *,
    cache: Path | None = None,
    products: set[str] | None = None,
    ways: Sequence[str] = (),
) -> Iterator[ChunkingResult]:
    """Every way, or those that are named, in order; over some products only if they are named."""
    sources = read_sources(folder, products)
    collection = Collection(folder / "ir")
    gold = collection.judgments()
    questions = [
        Question(text, gold[query_id])
        for query_id, text in collection.judged_queries()
        if products is None or query_id.partition("-")[0] in products
    ]
    counts = (len(sources.messages), len(sources.others), len(questions))
    print("{} messages, {} others, {} questions".format(*counts), flush=True)
    embedder = CachedEmbedder(open_embedder(Settings(), sessions=2), cache)
    for way in WAYS:
        if not ways or way.name in ways:
            chunks = list(chunks_of(way, sources, embedder.model))
            measures = asyncio.run(judge(chunks, questions, names_in(sources), embedder))
            yield ChunkingResult(way.name, len(chunks), measures)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chunking", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, help="a folder for vectors")
    parser.add_argument("--products", default="", help="only these, separated by commas")
    parser.add_argument("--ways", default="", help="only the ways of these names, separated by ;")
    arguments = parser.parse_args()
    products = set(filter(None, arguments.products.split(","))) or None
    ways = list(filter(None, arguments.ways.split(";")))
    results = measure_chunking(
        arguments.folder, cache=arguments.cache, products=products, ways=ways
    )
    for number, result in enumerate(results):
        if not number:
            print_header()
        print_row(result.way, result.chunks, result.measures)


if __name__ == "__main__":
    main()
