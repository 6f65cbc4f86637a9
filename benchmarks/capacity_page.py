"""The page docs/capacity.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from benchmarks.capacity_figures import GB, MIXES, PLANNED, TB, Assumed, Measured, Relative
from benchmarks.capacity_model import (
    QUANTISATIONS,
    SECONDS_PER_DAY,
    Plan,
    api_replicas,
    computed_queries_per_second,
    costs,
    object_requests,
    plan,
    queries_per_second,
    vector_bytes,
    weaviate_cores,
    weaviate_memory,
    weaviate_nodes,
)

CHOSEN = "RQ"
INTRODUCTION = """\
# Capacity

Written by `python -m benchmarks.capacity --write`. It says what a cluster would need for
{raw:,.0f} TB of files, {people:,.0f} people who ask at the same time and {files:,.0f} new files a
day, and how that follows from what was measured on two cores. **Nobody has run such a cluster.**
The figures below are derived, most of what they start from is assumed, and every such number is a
constant in `benchmarks/capacity_figures.py`: change it and run the command again. What the product
lacks for this size stands at the end.
"""

LACKING = """\
## What the product lacks for this

Import workers follow the queue (`HEADRACE_INGEST__MAX_WORKERS`), on whatever nodes there are; API
replicas follow the requests (`HEADRACE_HTTP__MAX_REPLICAS`).

| What | Today |
|---|---|
| API replicas on other nodes | all on the first: at most its cores |
| Several conductors, several index writers | one of each, on the first node |
| Partitions in PostgreSQL | one table each; partitions by record id have to be made by hand |
| Quantisation and shards of the Weaviate collection | uncompressed, as many shards as Weaviate \
makes by itself; both can be changed on the server only |
| Nodes that come and go with the load | Ray places work on the nodes that there are; nothing \
here starts machines |
"""


def page(m: Measured, a: Assumed, r: Relative) -> str:
    head = INTRODUCTION.format(
        raw=a.raw_bytes / TB, people=a.concurrent_queries, files=a.files_per_day
    )
    chosen = plan(PLANNED, CHOSEN, m, a)
    parts = [
        _volumes(a, m),
        _weaviate(chosen, a),
        _postgres(chosen, m, a),
        _imports(chosen, m, a),
        _queries(chosen, m, a),
        _objects(a),
        _nodes(chosen, a),
        _costs(chosen, r, a),
        _constants(m, a, r),
    ]
    return "\n".join([head, *(line for part in parts for line in part), LACKING])


def _volumes(a: Assumed, m: Measured) -> Iterator[str]:
    yield "## From files to chunks\n"
    yield f"{a.raw_bytes / TB:,.0f} TB, unpacked, are so much, depending on what they are:\n"
    yield (
        "| mix | records, 10^9 | chunks, 10^9 | Weaviate memory, TB "
        f"({CHOSEN}) | PostgreSQL, TB | a first load in {a.first_load_days:.0f} days, cores |"
    )
    yield "|---|---:|---:|---:|---:|---:|"
    for mix in MIXES:
        p = plan(mix, CHOSEN, m, a)
        yield (
            f"| {mix} | {p.volume.records / 1e9:.2f} | {p.volume.chunks / 1e9:.2f} "
            f"| {p.weaviate_bytes / TB:.1f} | {p.postgres_bytes / TB:.1f} "
            f"| {p.first_load_cores:,.0f} |"
        )
    yield ""
    yield "| kind | bytes a record | bytes a chunk | from | " + " | ".join(MIXES) + " |"
    yield "|---|---:|---:|---|" + "---:|" * len(MIXES)
    for kind in MIXES[PLANNED]:
        shares = (f"{mix.get(kind, 0):.0%}" for mix in MIXES.values())
        yield (
            f"| {kind.name} | {kind.bytes_per_record:,.0f} | {kind.bytes_per_chunk:,.0f} "
            f"| {kind.source} | " + " | ".join(shares) + " |"
        )
    yield ""
    yield f"What follows is for *{PLANNED}*.\n"


def _weaviate(p: Plan, a: Assumed) -> Iterator[str]:
    yield "## Weaviate\n"
    yield (
        f"Memory = copies × chunks × (vector + {a.max_connections:.0f} × "
        f"{a.bytes_per_connection:.0f} bytes of graph) × {a.collector_factor:g}. Whole vectors "
        "stay on disk, where a compressed search compares its candidates again.\n"
    )
    yield "| quantisation | bytes of a vector | memory, TB | nodes | why so many |"
    yield "|---|---:|---:|---:|---|"
    by_cores = weaviate_cores(p.volume.chunks, a) / a.node_cores
    for name in QUANTISATIONS:
        memory = weaviate_memory(p.volume.chunks, name, a)
        reason = "memory" if memory / a.weaviate_node_bytes >= by_cores else "cores"
        yield (
            f"| {name} | {vector_bytes(name, a):,.0f} | {memory / TB:.1f} "
            f"| {weaviate_nodes(p.volume.chunks, name, a):,} | {reason} |"
        )
    yield ""
    yield (
        f"{p.weaviate_shards:,} shards of {a.vectors_per_shard:,.0f} vectors, "
        f"{a.copies:.0f} copies of each; {p.weaviate_disk_bytes / TB:,.1f} TB of disk. Every query "
        f"asks every shard of one copy: {weaviate_cores(p.volume.chunks, a):,.0f} cores.\n"
    )


def _postgres(p: Plan, m: Measured, a: Assumed) -> Iterator[str]:
    yield "## PostgreSQL\n"
    yield (
        f"A record of {m.record_text_bytes:,.0f} bytes of text takes {m.record_bytes:,.0f} with "
        f"all indexes. {p.volume.records / 1e9:.1f} × 10^9 records take "
        f"{p.postgres_bytes / TB:,.1f} TB: {p.partitions:,} partitions of "
        f"{a.partition_bytes / GB:,.0f} GB, by a hash of the record's id, which all look-ups and "
        "writes have. A second server has a copy of all.\n"
    )


def _imports(p: Plan, m: Measured, a: Assumed) -> Iterator[str]:
    a_second = p.daily.chunks / SECONDS_PER_DAY
    at_peak = a.peak_factor * a_second
    records = a.peak_factor * p.daily.records / SECONDS_PER_DAY
    yield "## Imports\n"
    yield (
        f"{a.files_per_day:,.0f} files of {a.mean_file_bytes / 1000:,.0f} kB a day, less what is "
        f"unchanged, are {p.daily.chunks / 1e6:,.0f} million new chunks: {a_second:,.0f} a second, "
        f"{at_peak:,.0f} at the busiest.\n"
    )
    yield "| | needed | of which one has been measured to do |"
    yield "|---|---:|---|"
    yield (
        f"| cores of import workers, each day | {p.daily_cores:,.0f} "
        f"| {m.chunks_per_core_second:.0f} chunks a second, of which an import reaches "
        f"{m.import_share:.0%} |"
    )
    yield f"| the same for the first load | {p.first_load_cores:,.0f} | |"
    yield (
        f"| or GPUs for the first load | {p.first_load_gpus:,} "
        f"| {a.chunks_per_gpu_second:,.0f} chunks a second (assumed) |"
    )
    yield (
        f"| processes that store records | {records / m.records_per_second:,.1f} "
        f"| {m.records_per_second:,.0f} records a second |"
    )
    yield (
        f"| index writers | {at_peak / m.writes_per_second:,.1f} "
        f"| {m.writes_per_second:,.0f} chunks a second, into the index in the data directory |"
    )
    yield ""


def _queries(p: Plan, m: Measured, a: Assumed) -> Iterator[str]:
    at_once = replace(a, seconds_between_queries=0.0)
    yield "## Queries\n"
    yield (
        f"{a.concurrent_queries:,.0f} people who wait {a.seconds_between_queries:g} s between an "
        f"answer of {a.answer_seconds:g} s and the next question ask "
        f"{queries_per_second(a):,.0f} questions a second, of which "
        f"{computed_queries_per_second(a):,.0f} are not kept. An answer takes "
        f"{1000 * m.query_core_seconds:.0f} ms of a core: {p.api_replicas:,} API replicas of one "
        "core. That has the search itself in it, which Weaviate takes over, so it is too many. "
        f"{a.concurrent_queries:,.0f} questions under way at every moment, without anybody "
        f"waiting, would be {queries_per_second(at_once):,.0f} a second, and "
        f"{api_replicas(m, at_once):,} replicas.\n"
    )


def _objects(a: Assumed) -> Iterator[str]:
    requests = object_requests(a)
    yield "## Object store\n"
    yield (
        f"{a.raw_bytes / TB:,.0f} TB, and {a.files_per_day * a.mean_file_bytes / GB:,.0f} GB more "
        f"each day. {requests.writes / 1e6:,.1f} million writes and {requests.reads / 1e6:,.1f} "
        f"million reads a day, {(requests.writes + requests.reads) / SECONDS_PER_DAY:,.0f} a "
        "second. Equal contents are stored once.\n"
    )


def _nodes(p: Plan, a: Assumed) -> Iterator[str]:
    yield "## Nodes\n"
    yield f"Nodes of {a.node_cores:.0f} cores.\n"
    yield "| for | memory of each, GB | nodes |"
    yield "|---|---:|---:|"
    yield f"| Weaviate ({CHOSEN}) | {a.weaviate_node_bytes / GB:,.0f} | {p.weaviate_nodes:,} |"
    yield f"| API replicas | {a.node_bytes / GB:,.0f} | {p.api_nodes:,} |"
    yield f"| import workers, each day | {a.node_bytes / GB:,.0f} | {p.import_nodes:,} |"
    yield f"| PostgreSQL, with its copy | {a.weaviate_node_bytes / GB:,.0f} | 2 |"
    yield f"| Ray's first node: conductor, index writer | {a.node_bytes / GB:,.0f} | 1 |"
    yield ""


def _costs(p: Plan, r: Relative, a: Assumed) -> Iterator[str]:
    parts = costs(p, r, a)
    total = sum(parts.values())
    yield "## What drives the cost\n"
    yield "Shares, with the relative costs below in place of prices:\n"
    yield "| driver | share |"
    yield "|---|---:|"
    for name, cost in sorted(parts.items(), key=lambda part: -part[1]):
        yield f"| {name} | {cost / total:.0%} |"
    yield ""


def _constants(m: Measured, a: Assumed, r: Relative) -> Iterator[str]:
    yield "## What this starts from\n"
    yield "| constant | value | what it is | from |"
    yield "|---|---:|---|---|"
    for figures in (m, a, r):
        yield from (_constant(figures, each) for each in fields(figures))
    yield ""


def _constant(figures: Any, each: Any) -> str:
    name = f"{type(figures).__name__}.{each.name}"
    value = getattr(figures, each.name)
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.4g}"
    return f"| `{name}` | {shown} | {each.metadata['unit']} | {each.metadata['source']} |"
