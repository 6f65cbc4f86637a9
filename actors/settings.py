"""Every setting of Headrace, with its default; the environment overrides (``HEADRACE_…``).

Nested names are joined by two underscores: ``HEADRACE_POSTGRES__POOL_MAX_SIZE=20``.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from domain.blend_options import BlendOptions, Collapse, FusionMethod

MIB = 1024 * 1024


class Profile(StrEnum):
    EMBEDDED = "embedded"
    CLUSTER = "cluster"


CLUSTER_DEFAULTS: dict[str, dict[str, str]] = {
    "search": {"backend": "weaviate"},
    "objects": {"backend": "s3"},
    "cache": {"backend": "redis"},
}
"""What the profile ``cluster`` is: other defaults. It also wants a PostgreSQL to be named."""


class _ProfileDefaults(PydanticBaseSettingsSource):
    """The defaults of the profile that all other sources together name; it comes last."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        is_cluster = self.current_state.get("profile") == Profile.CLUSTER
        return CLUSTER_DEFAULTS if is_cluster else {}


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class HttpSettings(_Group):
    """The HTTP face. It binds to loopback until access control exists."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    max_ongoing_requests: int = Field(64, ge=1, description="Requests worked on at a time.")
    max_queued_requests: int = Field(
        256, ge=0, description="Requests that may wait; beyond them callers get 429."
    )
    max_upload_bytes: int = Field(
        64 * 1024 * MIB, ge=1, description="Largest file that an upload may bring, in bytes."
    )


class PostgresSettings(_Group):
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


class S3Settings(_Group):
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


class ObjectSettings(_Group):
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
    LANCEDB = "lancedb"
    WEAVIATE = "weaviate"


class SearchSettings(_Group):
    """The search index."""

    backend: SearchBackend = Field(
        SearchBackend.LANCEDB,
        description="``lancedb`` (in process) or ``weaviate`` (a server; see Weaviate below).",
    )
    directory: Path | None = Field(
        None, description="Where LanceDB's lies; ``index`` in the data directory when absent."
    )
    candidates_per_leg: int = Field(
        100, ge=10, le=1000, description="Chunks that each leg brings to the blending."
    )
    vector_index_min_rows: int = Field(
        5_000, ge=256, description="Below this many chunks LanceDB compares vectors one by one."
    )
    leg_deadline_seconds: float = Field(
        2.0, gt=0, description="A leg that takes longer is left out and named in the answer."
    )


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
BlendWeight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class BlendingSettings(_Group):
    """Blending, where a query does not ask for another way."""

    method: FusionMethod = Field(
        FusionMethod.RELATIVE_SCORE,
        description="``relative_score``, or ``reciprocal_rank`` with k = 60.",
    )
    leg_weights: dict[str, BlendWeight] = Field(
        {}, description="As JSON: how much each leg counts, 1 where it is not named."
    )
    source_weights: dict[str, BlendWeight] = Field(
        {}, description="As JSON: how much each source counts, 1 where it is not named."
    )
    neighbours: Share = Field(
        0.2, description="The share of a score that the hits most like a hit have."
    )
    calibration: Share = Field(
        0.0, description="How far each source's best is brought to the best of all."
    )
    recency: BlendWeight = Field(
        0.0, description="The share of its score that a hit of this moment gains; 0 is none."
    )
    half_life_days: Days = Field(30.0, description="After which half of that gain is left.")
    source_half_life_days: dict[str, Days] = Field(
        {}, description="As JSON: the same for single sources."
    )
    diversity: Share = Field(
        0.0, description="The share of its score that a hit loses at most after its source's best."
    )
    collapse: Collapse = Field(
        Collapse.DUPLICATES,
        description="Which hits are folded into a better one: near-``duplicates``, also those of "
        "its ``threads``, or ``none``.",
    )

    def options(self) -> BlendOptions:
        return BlendOptions(**self.model_dump())


class CacheBackend(StrEnum):
    MEMORY = "memory"
    REDIS = "redis"


class CacheSettings(_Group):
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


class WeaviateSettings(_Group):
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


class EmbedderSettings(_Group):
    """The model that turns texts into vectors."""

    backend: str = Field(
        "onnx", description="``onnx`` (int8, CPU), ``sentence-transformers`` or ``hash`` (tests)."
    )
    model_directory: Path | None = Field(
        None, description="The prepared ONNX model; ``~/.cache/headrace/models`` when absent."
    )
    sentence_transformers_model: str = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        description="Model of the ``sentence-transformers`` backend: a hub name or a path.",
    )
    device: str = Field("cpu", description="``cpu`` or ``cuda``, for ``sentence-transformers``.")
    hash_dimension: int = Field(
        384, ge=1, description="Length of the ``hash`` backend's vectors (tests)."
    )
    import_sessions: int = Field(
        2, ge=1, description="Model sessions with one thread each in an import worker."
    )


class IngestSettings(_Group):
    """How files become records."""

    slice_bytes: int = Field(
        10 * MIB, ge=1024, description="A file is cut into slices of about this many bytes."
    )
    bulk_bytes: int = Field(
        64 * MIB, ge=1024, description="Files above this size go through Ray Data."
    )
    batch_records: int = Field(
        512, ge=1, description="Records staged, embedded and stored together."
    )
    workers: int = Field(1, ge=1, description="Long-lived import workers for small files.")
    bulk_parse_tasks_per_core: int = Field(4, ge=1, description="Parse tasks per core in bulk.")
    lease_seconds: float = Field(
        30.0, gt=0, description="A worker silent for so long loses its file."
    )
    chunk_tokens: int = Field(
        200, ge=16, description="Estimated tokens after which a text is cut into a further chunk."
    )
    chunk_overlap_tokens: int = Field(
        24, ge=0, description="Estimated tokens that neighbouring chunks share."
    )
    max_uncompressed_bytes: int = Field(
        20 * 1024 * MIB, ge=1, description="Most bytes that one archive may unpack to."
    )
    max_compression_ratio: float = Field(
        200.0, gt=1, description="Most bytes that one byte of an archive may unpack to."
    )
    max_archive_depth: int = Field(
        3, ge=1, description="How deep archives may lie in archives; 1 reads none inside another."
    )
    document_timeout_seconds: float = Field(
        120.0, gt=0, description="How long reading one document (PDF, Office) may take."
    )
    document_memory_bytes: int = Field(
        1024 * MIB,
        ge=128 * MIB,
        description="Memory that the process which reads a document may take (Linux).",
    )
    queue_limit: int = Field(
        1_000,
        ge=1,
        description="Unfinished files beyond which uploads get 429; bulk at nine tenths of it.",
    )


class EventSettings(_Group):
    """Events of files."""

    retention_days: float = Field(
        7.0, gt=0, description="How long events stay readable after they were handled."
    )
    attempts: int = Field(
        5, ge=1, description="How often an event may fail by its own fault before it is dead."
    )
    max_streams: int = Field(
        64, ge=0, description="Clients that may follow events at a time; further ones get 429."
    )


class HistorySettings(_Group):
    """The history of queries."""

    enabled: bool = Field(True, description="Whether queries are remembered.")
    retention_days: float = Field(
        90.0, gt=0, description="How long queries are remembered at most."
    )


class Adding(StrEnum):
    OFF = "off"
    LOCAL = "local"
    REST = "rest"


class ModuleSettings(_Group):
    """Modules that are swapped while the service runs. Adding one is running its code."""

    directory: Path | None = Field(
        None, description="Where modules lie; ``modules`` in the data directory when absent."
    )
    adding: Adding = Field(
        Adding.LOCAL,
        description="Who may add code: ``off`` nobody, ``local`` whoever may write the data "
        "directory, by the command line, ``rest`` whoever reaches the service, too.",
    )
    self_test_seconds: float = Field(
        60.0, gt=0, description="How long the self-test of a module may take."
    )
    self_test_memory_bytes: int = Field(
        2048 * MIB, ge=256 * MIB, description="Memory that a self-test may address, in bytes."
    )


class BreakerSettings(_Group):
    """Circuit breakers: one for every dependency, in every process."""

    failure_threshold: int = Field(
        5, ge=1, description="Calls in a row that fail before a dependency is left alone."
    )
    recovery_seconds: float = Field(
        60.0, gt=0, description="How long it is left alone before one call tries it again."
    )


class RetrySettings(_Group):
    """Retries of calls that may be repeated, while the breaker lets them through."""

    max_attempts: int = Field(3, ge=1, description="How often a call is made at most.")
    first_delay_seconds: float = Field(
        0.2, gt=0, description="Longest wait before the second attempt; waits are random up to it."
    )
    backoff_factor: float = Field(
        2.0, ge=1, description="How much longer each further wait may be than the one before."
    )
    max_delay_seconds: float = Field(
        30.0, gt=0, description="Longest wait; a server that asks for more is not asked again."
    )


class ReconcileSettings(_Group):
    """Repairs, and indexes that are no longer used."""

    orphan_grace_hours: float = Field(
        24.0, ge=0, description="How long something has to belong to nobody to be removed."
    )
    old_index_grace_hours: float = Field(
        168.0, ge=0, description="How long an index that is no longer used is kept."
    )


class LogSettings(_Group):
    """Logging."""

    level: str = Field("info", description="``debug``, ``info``, ``warning`` or ``error``.")
    json_lines: bool = Field(False, description="JSON lines instead of text for people.")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="HEADRACE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    profile: Profile = Field(
        Profile.EMBEDDED,
        description="Preset: ``embedded``, or ``cluster``, which makes ``weaviate``, ``s3`` and "
        "``redis`` the backends by default and starts no PostgreSQL.",
    )
    data_dir: Path = Field(
        Path(".headrace"), description="Where the embedded stores keep everything."
    )
    url: str = Field(
        "http://127.0.0.1:8000", description="The service that the command line talks to."
    )
    http: HttpSettings = HttpSettings()
    postgres: PostgresSettings = PostgresSettings()
    objects: ObjectSettings = ObjectSettings()
    search: SearchSettings = SearchSettings()
    blending: BlendingSettings = BlendingSettings()
    cache: CacheSettings = CacheSettings()
    weaviate: WeaviateSettings = WeaviateSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    ingest: IngestSettings = IngestSettings()
    events: EventSettings = EventSettings()
    history: HistorySettings = HistorySettings()
    modules: ModuleSettings = ModuleSettings()
    breaker: BreakerSettings = BreakerSettings()
    retry: RetrySettings = RetrySettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _ProfileDefaults(settings_cls)

    @property
    def objects_dir(self) -> Path:
        return self.objects.directory or self.data_dir.absolute() / "objects"

    @property
    def index_dir(self) -> Path:
        return self.search.directory or self.data_dir.absolute() / "index"

    @property
    def modules_dir(self) -> Path:
        return self.modules.directory or self.data_dir.absolute() / "modules"

    @property
    def model_dir(self) -> Path:
        return (
            self.embedder.model_directory or Path.home() / ".cache" / "headrace" / "models"
        ).absolute()

    def missing(self) -> str | None:
        """What these settings need and do not name, as a sentence with the fix; else ``None``."""
        if self.profile is Profile.CLUSTER and self.postgres.dsn is None:
            return (
                "the profile cluster starts no PostgreSQL: set HEADRACE_POSTGRES__DSN, "
                "or HEADRACE_PROFILE=embedded"
            )
        if self.cache.backend is CacheBackend.REDIS and self.cache.url is None:
            return "no Redis is named: set HEADRACE_CACHE__URL, or HEADRACE_CACHE__BACKEND=memory"
        if self.objects.backend is ObjectBackend.S3 and not self.objects.s3.bucket:
            return (
                "no bucket is named: set HEADRACE_OBJECTS__S3__BUCKET, "
                "or HEADRACE_OBJECTS__BACKEND=filesystem"
            )
        return None

    def child_environment(self, **overrides: str) -> dict[str, str]:
        """This process's environment, for a child that is to see the same data directory and port.

        ``overrides`` name further variables (``HEADRACE_POSTGRES__DSN=…``).
        """
        return {
            **os.environ,  # noqa: TID251 - the one place that may
            "HEADRACE_PROFILE": self.profile,
            "HEADRACE_DATA_DIR": str(self.data_dir.absolute()),
            "HEADRACE_HTTP__HOST": self.http.host,
            "HEADRACE_HTTP__PORT": str(self.http.port),
            **overrides,
        }


class FileSettings(Settings):
    """Settings of another installation: what stands in a file, and nothing of the environment."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        # The file may serve others, too; what only looks like ours is still a mistake.
        ours = dotenv_settings.env_vars.items()
        dotenv_settings.env_vars = {
            name: value for name, value in ours if name.lower().startswith("headrace_")
        }
        return init_settings, dotenv_settings, _ProfileDefaults(settings_cls)

    @classmethod
    def read(cls, path: Path, **fields: Any) -> FileSettings:
        """Read lines such as ``HEADRACE_POSTGRES__DSN=…``; ``fields`` override them.

        Raises:
            pydantic.ValidationError: naming the variables that are wrong.
        """
        return cls(_env_file=path, **fields)
