"""Every setting of Headrace, with its default; the environment overrides (``HEADRACE_…``).

Nested names are joined by two underscores: ``HEADRACE_POSTGRES__POOL_MAX_SIZE=20``.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from actors.cpu import multiplies_bf16
from actors.store_settings import (
    MIB,
    CacheBackend,
    CacheSettings,
    Group,
    ObjectBackend,
    ObjectSettings,
    PostgresSettings,
    SearchSettings,
    WeaviateSettings,
)
from domain.blend_options import BlendOptions, Collapse, FusionMethod


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


class HttpSettings(Group):
    """The HTTP face. It binds to loopback until access control exists."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    max_ongoing_requests: int = Field(64, ge=1, description="Requests worked on at a time.")
    max_queued_requests: int = Field(
        256, ge=0, description="Requests that may wait; beyond them callers get 429."
    )
    max_replicas: int = Field(
        2,
        ge=1,
        description="API replicas there may be while many requests are worked on at a time.",
    )
    max_upload_bytes: int = Field(
        64 * 1024 * MIB, ge=1, description="Largest file that an upload may bring, in bytes."
    )


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
BlendWeight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class BlendingSettings(Group):
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
        0.3, description="The share of a score that the hits most like a hit have."
    )
    headings: Share = Field(
        0.3, description="The share of a score that the best others under the same heading have."
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


class EmbedderSettings(Group):
    """The model that turns texts into vectors."""

    backend: str = Field(
        "auto",
        description="``openvino`` (bf16, CPU), ``onnx`` (int8, CPU), ``sentence-transformers`` or "
        "``hash`` (tests). ``auto`` is ``openvino`` where the CPU has matrix units for bf16 "
        "(Intel's AMX), else ``onnx``.",
    )
    model_directory: Path | None = Field(
        None,
        description="Where the prepared models lie; ``~/.cache/headrace/models`` when absent.",
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

    @property
    def used_backend(self) -> str:
        """``backend``, and for ``auto`` what that is on this machine."""
        if self.backend != "auto":
            return self.backend
        return "openvino" if multiplies_bf16() else "onnx"


class IngestSettings(Group):
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
    max_workers: int = Field(
        1, ge=1, description="Up to so many import workers while files wait; `WORKERS` at least."
    )
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

    @property
    def most_workers(self) -> int:
        """How many import workers there may be at a time."""
        return max(self.workers, self.max_workers)


class EventSettings(Group):
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


class HistorySettings(Group):
    """The history of queries."""

    enabled: bool = Field(True, description="Whether queries are remembered.")
    retention_days: float = Field(
        90.0, gt=0, description="How long queries are remembered at most."
    )


class Adding(StrEnum):
    OFF = "off"
    LOCAL = "local"
    REST = "rest"


class ModuleSettings(Group):
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


class BreakerSettings(Group):
    """Circuit breakers: one for every dependency, in every process."""

    failure_threshold: int = Field(
        5, ge=1, description="Calls in a row that fail before a dependency is left alone."
    )
    recovery_seconds: float = Field(
        60.0, gt=0, description="How long it is left alone before one call tries it again."
    )


class RetrySettings(Group):
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


class ReconcileSettings(Group):
    """Repairs, and indexes that are no longer used."""

    orphan_grace_hours: float = Field(
        24.0, ge=0, description="How long something has to belong to nobody to be removed."
    )
    old_index_grace_hours: float = Field(
        168.0, ge=0, description="How long an index that is no longer used is kept."
    )


class LogSettings(Group):
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
