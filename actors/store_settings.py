"""Settings of what stores and finds: PostgreSQL, the object store, the index, the cache."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

MIB = 1024 * 1024


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PostgresSettings(Group):
    """The metadata store."""

    dsn: SecretStr | None = Field(
        None,
        description="PostgreSQL to use, 15 or newer with pgvector; TLS by its ``sslmode`` and "
        "``sslrootcert``. When absent, one is started in the data directory.",
    )
    direct_dsn: SecretStr | None = Field(
        None,
        description="The same database past a pooler, to listen and to migrate; when absent, "
        "``DSN`` serves.",
    )
    pool_max_size: int = Field(8, ge=1, description="Connections per process.")
    statement_timeout_seconds: float = Field(
        30.0, gt=0, description="How long one statement may take."
    )
    connect_timeout_seconds: float = Field(
        10.0, gt=0, description="How long making a connection may take."
    )
    statement_cache_size: int = Field(
        100,
        ge=0,
        description="Prepared statements that a connection keeps; 0 behind a pooler in "
        "transaction mode that knows none.",
    )


class ObjectBackend(StrEnum):
    FILESYSTEM = "filesystem"
    S3 = "s3"


class S3Settings(Group):
    """The bucket for raw files. Credentials not given come from where AWS's own tools take them."""

    bucket: str | None = Field(None, description="The bucket; it has to exist.")
    prefix: str = Field(
        "", description="What every key begins with (``headrace/``), in a bucket that is shared."
    )
    endpoint_url: str | None = Field(
        None,
        pattern="^https?://",
        description="A server other than AWS (``https://minio.example.com:9000``).",
    )
    public_endpoint_url: str | None = Field(
        None,
        pattern="^https?://",
        description="The same server as uploading clients reach it, where that is another address.",
    )
    region: str | None = Field(None, description="AWS's region; ``us-east-1`` does elsewhere.")
    access_key_id: SecretStr | None = Field(None, description="Access key.")
    secret_access_key: SecretStr | None = Field(None, description="Its secret.")
    session_token: SecretStr | None = Field(None, description="Token of a temporary credential.")
    path_style: bool | None = Field(
        None,
        description="Bucket in the path instead of the host name; when absent, wherever "
        "an endpoint is set.",
    )
    encryption: bool = Field(
        True,
        description="Ask the server to encrypt what it stores (SSE-S3, AES-256). "
        "MinIO needs a key store for it.",
    )
    checksums: bool = Field(
        True, description="Send checksums that the server verifies; off for servers without them."
    )
    verify_tls: bool = Field(True, description="Check the server's certificate.")
    ca_bundle: Path | None = Field(
        None, description="Certificates to trust (PEM) instead of the usual ones."
    )
    connect_timeout_seconds: float = Field(5.0, gt=0, description="How long connecting may take.")
    read_timeout_seconds: float = Field(
        60.0, gt=0, description="How long the server may stay silent."
    )
    max_attempts: int = Field(4, ge=1, description="Tries of one call, the first included.")
    max_connections: int = Field(
        16, ge=1, description="Calls at a time and process, each in a thread of its own."
    )
    part_bytes: int = Field(
        8 * MIB,
        ge=5 * MIB,
        description="Bytes of an upload that are held in memory and sent at a time.",
    )
    read_ahead_bytes: int = Field(
        8 * MIB, ge=MIB, description="Most bytes of a file that are read at a time."
    )
    direct_part_bytes: int = Field(
        64 * MIB, ge=5 * MIB, description="Parts in which clients upload straight to the bucket."
    )
    direct_expiry_seconds: int = Field(
        24 * 3600,
        ge=60,
        le=7 * 24 * 3600,
        description="How long a client may take for an upload straight to the bucket.",
    )


class ObjectSettings(Group):
    """The object store for raw files."""

    backend: ObjectBackend = Field(
        ObjectBackend.FILESYSTEM, description="``filesystem`` or ``s3``."
    )
    directory: Path | None = Field(
        None, description="Where files are kept; ``objects`` in the data directory when absent."
    )
    leftover_seconds: float = Field(
        24 * 3600.0,
        gt=0,
        description="Unfinished uploads that nobody has touched for so long are removed.",
    )
    s3: S3Settings = S3Settings()


class SearchBackend(StrEnum):
    TANTIVY = "tantivy"
    WEAVIATE = "weaviate"


class SearchSettings(Group):
    """The search index."""

    backend: SearchBackend = Field(
        SearchBackend.TANTIVY,
        description="``tantivy`` (with FAISS, in process) or ``weaviate`` (a server; see Weaviate "
        "below).",
    )
    directory: Path | None = Field(
        None,
        description="Where one in process lies; ``index`` in the data directory when absent.",
    )
    candidates_per_leg: int = Field(
        100, ge=10, le=1000, description="Chunks that each leg brings to the blending."
    )
    compare_by_words: bool = Field(
        True,
        description="What only vectors found is scored by words, too: one more keyword search, "
        "within these chunks alone.",
    )
    leg_deadline_seconds: float = Field(
        2.0, gt=0, description="A leg that takes longer is left out and named in the answer."
    )


class CacheBackend(StrEnum):
    MEMORY = "memory"
    REDIS = "redis"


class CacheSettings(Group):
    """The cache for answers. Without it they are slower, never wrong."""

    backend: CacheBackend = Field(
        CacheBackend.MEMORY, description="``memory`` (each process its own) or ``redis``."
    )
    ttl_seconds: float = Field(
        3_600.0, ge=0, description="How long an answer is kept at most; 0 keeps none."
    )
    url: SecretStr | None = Field(
        None,
        description="Redis to use: ``redis://host:6379/0``, ``rediss://…`` with TLS, or "
        "``unix:///path``.",
    )
    username: str | None = Field(None, description="Redis account, unless the URL names it.")
    password: SecretStr | None = Field(None, description="Its password, unless the URL has it.")
    ca_file: Path | None = Field(
        None, description="Authorities to trust with ``rediss://``; the system's when absent."
    )
    prefix: str = Field(
        "headrace:",
        min_length=1,
        description="Begins every key in Redis; services that share a Redis need one each.",
    )
    connect_timeout_seconds: float = Field(
        0.5, gt=0, description="How long making a connection to Redis may take."
    )
    operation_timeout_seconds: float = Field(
        0.25, gt=0, description="How long an answer of Redis may take."
    )
    pool_max_size: int = Field(16, ge=1, description="Connections to Redis per process.")


class Vectorizer(StrEnum):
    NONE = "none"
    OPENAI = "text2vec-openai"


class WeaviateConsistency(StrEnum):
    ONE = "one"
    QUORUM = "quorum"
    ALL = "all"


class WeaviateSettings(Group):
    """Weaviate, where it is the search index."""

    url: str = Field(
        "http://127.0.0.1:8080",
        pattern=r"^https?://[^/?#\s]+/?$",
        description="Its REST address; ``https`` encrypts gRPC, too.",
    )
    grpc_host: str | None = Field(
        None, description="Where its gRPC listens; the host of the REST address when absent."
    )
    grpc_port: int = Field(50051, ge=1, le=65535, description="Port of its gRPC.")
    api_key: SecretStr | None = Field(None, description="Key of a user who may read and write.")
    trust_environment: bool = Field(
        False, description="Whether to heed ``SSL_CERT_FILE`` and proxies of the environment."
    )
    collection: str = Field(
        "DataContent",
        pattern=r"^[A-Z][_0-9A-Za-z]{0,200}$",
        description="The collection; made when it is not there.",
    )
    vectorizer: Vectorizer = Field(
        Vectorizer.NONE,
        description="``none``: the embedder's vectors; ``text2vec-openai``: Weaviate has texts "
        "embedded by OpenAI, and the embedder's vectors go unused.",
    )
    openai_model: str = Field("text-embedding-3-small", description="Model of ``text2vec-openai``.")
    openai_base_url: str | None = Field(
        None, description="Another service with OpenAI's interface, as Weaviate reaches it."
    )
    openai_api_key: SecretStr | None = Field(
        None, description="Key that ``text2vec-openai`` shows, unless Weaviate has one."
    )
    replicas: int = Field(1, ge=1, description="Copies of each chunk, in a new collection.")
    consistency: WeaviateConsistency = Field(
        WeaviateConsistency.QUORUM,
        description="Copies that must have a write before it counts: ``one``, ``quorum``, ``all``.",
    )
    connect_timeout_seconds: float = Field(
        5.0, gt=0, description="How long opening and health checks may take."
    )
    query_timeout_seconds: float = Field(10.0, gt=0, description="How long a search may take.")
    write_timeout_seconds: float = Field(
        60.0, gt=0, description="How long one batch of a write may take."
    )
