"""``python -m benchmarks.turns QMSUM_FOLDER``: how transcripts are best cut, measured.

The folder holds ``ir-turns/`` in BEIR's form: documents are turns (``meeting:number``, the title
names the speaker), each question is about one meeting. A chunk stands for the turns that it
touches, the one that fits the question best first.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actors.bootstrap import open_embedder
from actors.settings import Settings
from benchmarks.judging import Question, judge, print_header, print_row
from benchmarks.vector_cache import CachedEmbedder
from domain.chunking import ChunkLimits, chunk_record
from domain.models.chunks import Chunk, Member
from domain.models.ids import ChunkId, derive_record_id
from domain.models.records import ContentType, Place, Record, Segment
from domain.models.search import SearchFilter
from domain.passages import best_member
from pipelines.evaluation import Collection


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    max_tokens: int = 200
    has_segments: bool = True
    is_alone: bool = False


WAYS = (
    Way("a turn a chunk", is_alone=True),
    Way("windows of 200 tokens", has_segments=False),
    Way("whole turns up to 200 tokens"),
    Way("whole turns up to 100 tokens", max_tokens=100),
)


def transcript(meeting: str, turns: Sequence[Any]) -> Record:
    """A line and a segment a turn, each with its speaker."""
    content, segments = "", []
    for turn in turns:
        start = len(content)
        content += f"{turn['title']}: {turn['text']}\n"
        segments.append(Segment(start, len(content), {"turn": turn["_id"]}))
    return Record(
        "gong",
        meeting,
        ContentType.TRANSCRIPT,
        content,
        Place(0, 0),
        segments=tuple(segments),
        metadata={"meeting": meeting},
    )


class Cutting:
    """The chunks of all meetings, and which turns each of them touches."""

    def __init__(self, way: Way, meetings: dict[str, list[Any]], model: str) -> None:
        self.chunks: list[Chunk] = []
        self._wholes: dict[ChunkId, Record] = {}
        for meeting, turns in meetings.items():
            for part in [[turn] for turn in turns] if way.is_alone else [turns]:
                name = part[0]["_id"] if way.is_alone else meeting
                self._add(name, meeting, part, way, model)

    def _add(self, name: str, meeting: str, turns: Sequence[Any], way: Way, model: str) -> None:
        whole = transcript(meeting, turns)
        segments = whole.segments if way.has_segments else ()
        record = replace(whole, native_id=name, segments=segments)
        for chunk in chunk_record(record, model=model, limits=ChunkLimits(way.max_tokens)):
            self._wholes[chunk.chunk_id] = whole
            # A record of its own: the blending of the product would show one hit for each call.
            alone = replace(chunk.record, native_id=f"{name}#{chunk.position}")
            self.chunks.append(replace(chunk, record=alone))

    def names(self, chunk: Chunk, question: str) -> Iterator[str]:
        segments = [
            segment
            for segment in self._wholes[chunk.chunk_id].segments
            if segment.start < chunk.end and chunk.start < segment.end
        ]
        members = [_member(segment, chunk) for segment in segments]
        best = members.index(best_member(chunk.text, members, question))
        yield segments[best].metadata["turn"]
        yield from (segment.metadata["turn"] for segment in segments)


def _member(segment: Segment, chunk: Chunk) -> Member:
    start, end = max(segment.start, chunk.start), min(segment.end, chunk.end)
    record_id = derive_record_id("turn", str(segment.metadata["turn"]))
    return Member(record_id, start, end, start - chunk.start)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turns", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, help="a folder for vectors")
    parser.add_argument("--every", type=int, default=1, help="only every so-manyth meeting")
    arguments = parser.parse_args()
    collection = Collection(arguments.folder / "ir-turns")
    meetings: dict[str, list[Any]] = {}
    for turn in collection.documents():
        meetings.setdefault(turn["metadata"]["meeting"], []).append(turn)
    meetings = dict(list(meetings.items())[:: arguments.every])
    gold = collection.judgments()
    queries = [
        (query_id.rpartition("-")[0], text, gold[query_id])
        for query_id, text in collection.judged_queries()
    ]
    queries = [query for query in queries if query[0] in meetings]
    embedder = CachedEmbedder(open_embedder(Settings(), sessions=2), arguments.cache)
    print(f"{len(meetings)} meetings, {len(queries)} questions")
    for title, is_filtered in (("in the meeting", True), ("in all meetings", False)):
        questions = [
            Question(text, gains, SearchFilter(metadata={"meeting": m} if is_filtered else {}))
            for m, text, gains in queries
        ]
        print(f"\n{title}\n")
        print_header()
        for way in WAYS:
            cutting = Cutting(way, meetings, embedder.model)
            measures = asyncio.run(judge(cutting.chunks, questions, cutting.names, embedder))
            print_row(way.name, len(cutting.chunks), measures)


if __name__ == "__main__":
    main()
