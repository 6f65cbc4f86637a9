"""Every setting of Headrace, with its default; the environment overrides (``HEADRACE_…``).

Nested names are joined by two underscores: ``HEADRACE_POSTGRES__POOL_MAX_SIZE=20``.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


class Profile(StrEnum):
    EMBEDDED = "embedded"
    CLUSTER = "cluster"


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
        None, description="PostgreSQL to use; when absent, one is started in the data directory."
    )
    pool_max_size: int = Field(8, ge=1, description="Connections per process.")
    statement_timeout_seconds: float = Field(
        30.0, gt=0, description="How long one statement may take."
    )


class ObjectSettings(_Group):
    """The object store for raw files."""

    directory: Path | None = Field(
        None, description="Where files are kept; ``objects`` in the data directory when absent."
    )


class SearchSettings(_Group):
    """The search index."""

    directory: Path | None = Field(
        None, description="Where the index lies; ``index`` in the data directory when absent."
    )
    candidates_per_leg: int = Field(
        100, ge=10, le=1000, description="Chunks that each leg brings to the blending."
    )
    vector_index_min_rows: int = Field(
        5_000, ge=256, description="Below this many chunks vectors are compared one by one."
    )
    leg_deadline_seconds: float = Field(
        2.0, gt=0, description="A leg that takes longer is left out and named in the answer."
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
        100_000, ge=1, description="Unfinished files beyond which uploads get 429."
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


class LogSettings(_Group):
    """Logging."""

    level: str = Field("info", description="``debug``, ``info``, ``warning`` or ``error``.")
    json_lines: bool = Field(False, description="JSON lines instead of text for people.")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="HEADRACE_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    profile: Profile = Field(Profile.EMBEDDED, description="Preset: ``embedded`` or ``cluster``.")
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
    embedder: EmbedderSettings = EmbedderSettings()
    ingest: IngestSettings = IngestSettings()
    modules: ModuleSettings = ModuleSettings()
    breaker: BreakerSettings = BreakerSettings()
    retry: RetrySettings = RetrySettings()
    log: LogSettings = LogSettings()

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
