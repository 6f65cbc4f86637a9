"""From bytes of files to nodes: pure functions of the figures in ``capacity_figures``."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from benchmarks.capacity_figures import GB, MIXES, Assumed, Measured, Mix, Relative

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Volume:
    """What files become."""

    raw_bytes: float
    records: float
    chunks: float


def volume_of(raw_bytes: float, mix: Mix) -> Volume:
    """Raises ``ValueError`` where the shares do not add up to 1."""
    if abs(sum(mix.values()) - 1) > 1e-9:
        raise ValueError(f"the shares of a mix add up to {sum(mix.values()):g}, not to 1")
    shares = {kind: share * raw_bytes for kind, share in mix.items()}
    return Volume(
        raw_bytes=raw_bytes,
        records=sum(size / kind.bytes_per_record for kind, size in shares.items()),
        chunks=sum(size / kind.bytes_per_chunk for kind, size in shares.items()),
    )


def vector_bytes(quantisation: str, a: Assumed) -> float:
    """Bytes of a vector in Weaviate's memory; the whole one stays on disk.

    Raises ``KeyError`` for a quantisation that is not known.
    """
    plain = 4 * a.dimension
    return {"none": plain, "SQ": plain / 4, "RQ": plain / 4, "PQ": a.pq_bytes}[quantisation]


QUANTISATIONS = ("none", "SQ", "RQ", "PQ")


def weaviate_memory(chunks: float, quantisation: str, a: Assumed) -> float:
    """Bytes of memory over all nodes, copies included."""
    graph = a.max_connections * a.bytes_per_connection
    return a.copies * chunks * (vector_bytes(quantisation, a) + graph) * a.collector_factor


def weaviate_disk(chunks: float, a: Assumed) -> float:
    """Bytes of disk over all nodes, copies included; vectors are kept whole, compressed or not."""
    content = a.text_bytes_per_chunk + 4 * a.dimension
    return a.copies * chunks * content * a.weaviate_disk_factor


def shards(chunks: float, a: Assumed) -> int:
    """Shards of the collection, each copy counted once."""
    return max(1, ceil(chunks / a.vectors_per_shard))


def queries_per_second(a: Assumed) -> float:
    """Everybody asks, waits for the answer, thinks, and asks again."""
    return a.concurrent_queries / (a.seconds_between_queries + a.answer_seconds)


def computed_queries_per_second(a: Assumed) -> float:
    """Those that no cache answers."""
    return queries_per_second(a) * (1 - a.kept_share)


def weaviate_cores(chunks: float, a: Assumed) -> float:
    """Every query asks every shard, of one copy."""
    spent = computed_queries_per_second(a) * shards(chunks, a) * a.shard_core_seconds
    return spent / a.busy_share


def weaviate_nodes(chunks: float, quantisation: str, a: Assumed) -> int:
    """As many as memory or cores ask for, and one for each copy at least."""
    by_memory = weaviate_memory(chunks, quantisation, a) / a.weaviate_node_bytes
    by_cores = weaviate_cores(chunks, a) / a.node_cores
    return max(ceil(a.copies), ceil(by_memory), ceil(by_cores))


def postgres_bytes(volume: Volume, m: Measured, a: Assumed) -> float:
    """Bytes of one PostgreSQL: what every record takes, and copies of the text."""
    around = m.record_bytes - a.text_copies_in_postgres * m.record_text_bytes
    text = volume.chunks * a.text_bytes_per_chunk
    return volume.records * max(0.0, around) + a.text_copies_in_postgres * text


def partitions(volume: Volume, m: Measured, a: Assumed) -> int:
    return max(1, ceil(postgres_bytes(volume, m, a) / a.partition_bytes))


def new_a_day(mix: Mix, a: Assumed) -> Volume:
    """What a day's files bring that is not stored as it is."""
    return volume_of(a.files_per_day * a.mean_file_bytes * (1 - a.unchanged_share), mix)


def embedding_cores(chunks_per_second: float, m: Measured, a: Assumed) -> float:
    """Cores of import workers: embedding, and what an import does besides."""
    return chunks_per_second / (m.chunks_per_core_second * m.import_share * a.busy_share)


def embedding_gpus(chunks_per_second: float, a: Assumed) -> int:
    """GPUs instead; reading and storing stay with the processors."""
    return ceil(chunks_per_second / (a.chunks_per_gpu_second * a.busy_share))


def api_replicas(m: Measured, a: Assumed) -> int:
    """One core each; what it measures has the index's legs in it, which Weaviate takes over."""
    return max(2, ceil(computed_queries_per_second(a) * m.query_core_seconds / a.busy_share))


def nodes_for(cores: float, memory_bytes: float, a: Assumed) -> int:
    return max(1, ceil(cores / a.node_cores), ceil(memory_bytes / a.node_bytes))


@dataclass(frozen=True, slots=True)
class Requests:
    """What the object store is asked in a day."""

    writes: float
    reads: float


def object_requests(a: Assumed) -> Requests:
    """Each file is written in parts and read slice by slice; one file, one request at least."""
    parts = max(1.0, a.mean_file_bytes / a.part_bytes)
    slices = max(1.0, a.mean_file_bytes / a.slice_bytes)
    return Requests(writes=a.files_per_day * parts, reads=a.files_per_day * slices)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a mix needs with one quantisation; bytes over all nodes."""

    mix: str
    quantisation: str
    volume: Volume
    daily: Volume
    weaviate_bytes: float
    weaviate_disk_bytes: float
    weaviate_shards: int
    weaviate_nodes: int
    postgres_bytes: float
    partitions: int
    daily_cores: float
    first_load_cores: float
    first_load_gpus: int
    api_replicas: int
    api_nodes: int
    import_nodes: int


def plan(mix: str, quantisation: str, m: Measured, a: Assumed) -> Plan:
    volume, daily = volume_of(a.raw_bytes, MIXES[mix]), new_a_day(MIXES[mix], a)
    at_peak = a.peak_factor * daily.chunks / SECONDS_PER_DAY
    at_first = volume.chunks / (a.first_load_days * SECONDS_PER_DAY)
    daily_cores, replicas = embedding_cores(at_peak, m, a), api_replicas(m, a)
    return Plan(
        mix=mix,
        quantisation=quantisation,
        volume=volume,
        daily=daily,
        weaviate_bytes=weaviate_memory(volume.chunks, quantisation, a),
        weaviate_disk_bytes=weaviate_disk(volume.chunks, a),
        weaviate_shards=shards(volume.chunks, a),
        weaviate_nodes=weaviate_nodes(volume.chunks, quantisation, a),
        postgres_bytes=postgres_bytes(volume, m, a),
        partitions=partitions(volume, m, a),
        daily_cores=daily_cores,
        first_load_cores=embedding_cores(at_first, m, a),
        first_load_gpus=embedding_gpus(at_first, a),
        api_replicas=replicas,
        api_nodes=nodes_for(replicas, replicas * a.replica_bytes, a),
        import_nodes=nodes_for(daily_cores, daily_cores * a.replica_bytes, a),
    )


def costs(p: Plan, r: Relative, a: Assumed) -> dict[str, float]:
    """By driver, in units of a core's month; a first load is no part of it."""

    def nodes(count: int, memory_bytes: float) -> float:
        return count * (a.node_cores * r.core + memory_bytes / GB * r.memory_gb)

    return {
        "Weaviate: nodes": nodes(p.weaviate_nodes, a.weaviate_node_bytes),
        "Weaviate: disk": p.weaviate_disk_bytes / GB * r.disk_gb,
        "PostgreSQL: disk, two copies": 2 * p.postgres_bytes / GB * r.disk_gb,
        "API": nodes(p.api_nodes, a.node_bytes),
        "imports of each day": nodes(p.import_nodes, a.node_bytes),
        "object store": p.volume.raw_bytes / GB * r.object_gb,
    }
