"""Every number that the capacity model starts from, with where it comes from. Change them here.

``Assumed`` is what nobody has measured here, or what an installation decides; ``Measured`` is read
from the results in docs/benchmarks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.growth_results import PATH as GROWTH
from benchmarks.growth_results import read

SERVICE = GROWTH.with_name("results.json")
KB, MB, GB, TB = 10**3, 10**6, 10**9, 10**12

DRY_RUN = "`headrace import --dry-run` of "


@dataclass(frozen=True, slots=True)
class FileKind:
    """Files of one kind, unpacked: how many of their bytes make a record, and a chunk."""

    name: str
    bytes_per_record: float
    bytes_per_chunk: float
    source: str


SLACK = FileKind("Slack", 307, 559, DRY_RUN + "HERB's export")
SALESFORCE = FileKind("Salesforce", 485, 425, DRY_RUN + "salesforce-workshop-csv")
GONG = FileKind("Gong", 6_035, 1_045, DRY_RUN + "HERB's calls and transcripts")
TABLES = FileKind("CSV, JSON", 837, 538, DRY_RUN + "HERB's pull requests and meeting chats")
DOCUMENTS = FileKind("PDF, Office", 500 * KB, 20 * KB, "assumed: mostly pictures and layout")

Mix = Mapping[FileKind, float]
"""The share of each kind in all bytes; the shares add up to 1."""

MIXES: Mapping[str, Mix] = {
    "mostly documents": {SLACK: 0.02, SALESFORCE: 0.01, GONG: 0.02, TABLES: 0.05, DOCUMENTS: 0.90},
    "a third exports": {SLACK: 0.10, SALESFORCE: 0.05, GONG: 0.10, TABLES: 0.10, DOCUMENTS: 0.65},
    "exports alone": {SLACK: 0.35, SALESFORCE: 0.15, GONG: 0.20, TABLES: 0.30},
}
PLANNED = "a third exports"


def given(value: float, unit: str, source: str) -> float:
    """A field's default, with what the page says of it."""
    number: float = field(default=value, metadata={"unit": unit, "source": source})
    return number


WEAVIATE_DOCS = "Weaviate's documentation, resource planning"
ASSUMPTION = "assumed"


@dataclass(frozen=True)
class Assumed:
    """Not measured here. Change them."""

    raw_bytes: float = given(10 * TB, "bytes of files, unpacked", "the specification")
    files_per_day: float = given(1_000_000, "files", "the specification")
    concurrent_queries: float = given(1_000, "people who ask", "the specification")
    first_load_days: float = given(30, "days for all that is there", ASSUMPTION)
    mean_file_bytes: float = given(100 * KB, "bytes of a new file, unpacked", ASSUMPTION)
    unchanged_share: float = given(0.3, "of a day's records are stored as they are", ASSUMPTION)
    peak_factor: float = given(3, "times the day's mean, at its busiest", ASSUMPTION)
    seconds_between_queries: float = given(
        0.9, "seconds a person waits before asking again", ASSUMPTION
    )
    answer_seconds: float = given(0.1, "seconds that an answer may take", "the specification")
    kept_share: float = given(0.3, "of answers come from the cache", ASSUMPTION)
    busy_share: float = given(0.6, "of a core or a disk is planned with", ASSUMPTION)

    dimension: float = given(384, "numbers of a vector", "all-MiniLM-L6-v2")
    text_bytes_per_chunk: float = given(400, "bytes of text of a chunk", ASSUMPTION)
    chunks_per_gpu_second: float = given(
        3_000, "chunks of 250 tokens, embedded by one GPU", "assumed; no GPU was measured"
    )

    max_connections: float = given(32, "`maxConnections` of Weaviate's graph", "its default")
    bytes_per_connection: float = given(10, "bytes of memory", WEAVIATE_DOCS)
    collector_factor: float = given(
        1.4, "times the graph's memory, for Go's collector", WEAVIATE_DOCS + ": twice the vectors"
    )
    pq_bytes: float = given(96, "bytes of a vector with PQ: a quarter as many segments", ASSUMPTION)
    vectors_per_shard: float = given(50_000_000, "vectors in a shard", ASSUMPTION)
    copies: float = given(2, "copies of each shard", "`HEADRACE_WEAVIATE__REPLICAS`")
    shard_core_seconds: float = given(
        0.015, "core seconds of both legs in one shard", "assumed; see growth for 1,000,000 chunks"
    )
    weaviate_disk_factor: float = given(
        2.0, "times text and vector, on disk: object, words, filters", ASSUMPTION
    )

    text_copies_in_postgres: float = given(
        2.0, "times a record's text: content and its words", ASSUMPTION
    )
    partition_bytes: float = given(200 * GB, "bytes of a partition with its indexes", ASSUMPTION)
    part_bytes: float = given(
        8.4 * MB, "bytes that one request brings to the store", "`HEADRACE_OBJECTS__S3__PART_BYTES`"
    )
    slice_bytes: float = given(10 * MB, "bytes of a slice", "`HEADRACE_INGEST__SLICE_BYTES`")

    node_cores: float = given(16, "cores of a node", ASSUMPTION)
    node_bytes: float = given(64 * GB, "memory of a node for API and imports", ASSUMPTION)
    weaviate_node_bytes: float = given(256 * GB, "memory of a node for Weaviate", ASSUMPTION)
    replica_bytes: float = given(0.6 * GB, "memory of an API replica or import worker", ASSUMPTION)


@dataclass(frozen=True)
class Relative:
    """What things cost a month in relation to a core, which costs 1. Not prices: put yours here."""

    core: float = given(1.0, "a core", ASSUMPTION)
    memory_gb: float = given(0.15, "a gigabyte of memory", ASSUMPTION)
    disk_gb: float = given(0.005, "a gigabyte of fast disk", ASSUMPTION)
    object_gb: float = given(0.001, "a gigabyte in the object store", ASSUMPTION)


@dataclass(frozen=True)
class Measured:
    """From the results of the benchmarks, and from ADR 32."""

    chunks_per_core_second: float = given(32, "chunks of 250 tokens, embedded", "ADR 32, bf16")
    import_share: float = given(0.63, "of the bare embedder, by an import", "known gaps")
    query_core_seconds: float = given(0, "core seconds of an answer over HTTP", "results.json")
    records_per_second: float = given(0, "records stored by one process", "growth.json")
    writes_per_second: float = given(0, "chunks written by one index writer", "growth.json")
    record_bytes: float = given(0, "bytes of a record in PostgreSQL", "growth.json")
    record_text_bytes: float = given(0, "of its text in that", "growth.json")


def measured(growth: Path = GROWTH, results: Path = SERVICE) -> Measured:
    """Of the largest that was measured; the most clients at a time, for queries."""
    grown = read(growth)
    store, index = grown.stores[-1], grown.indexes[-1].filled
    service = json.loads(results.read_text("utf-8"))
    busiest = max(service["queries"], key=lambda one: one["clients"])
    return Measured(
        query_core_seconds=service["machine"]["cores"] / busiest["queries_per_second"],
        records_per_second=store.records / store.stored.store_seconds,
        writes_per_second=grown.indexes[-1].chunks / (index.seconds - index.making_seconds),
        record_bytes=store.stored.lasting_bytes / store.records,
        record_text_bytes=store.stored.text_bytes / store.records,
    )
