from __future__ import annotations

from pathlib import Path

from serve_app.ray_environment import ServePorts, ray_temp_dir, serve_environment

SERVE_DIRECTORY_CHARS = 57
"""Serve keeps HAProxy's sockets in a directory of its own, named by 56 characters."""
HAPROXY_SOCKET_LIMIT = 97


def test_haproxy_can_open_its_sockets_however_long_the_data_directorys_path(
    tmp_path: Path,
) -> None:
    temp_dir = ray_temp_dir(tmp_path / ("deep/" * 40))

    socket = serve_environment(temp_dir, ServePorts(1, 2, 3, 4), haproxy=True)[
        "RAY_SERVE_HAPROXY_SOCKET_PATH"
    ]

    temp_dir.rmdir()
    assert len(socket) + SERVE_DIRECTORY_CHARS <= HAPROXY_SOCKET_LIMIT
