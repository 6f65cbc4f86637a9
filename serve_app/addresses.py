"""Ports and URLs of a service on this machine."""

from __future__ import annotations

import errno
import socket
import urllib.error
import urllib.request

from actors.settings import Settings
from domain.errors import HeadraceError

PORTS_TRIED = 100


class CannotStart(HeadraceError):
    """The service was not started; the message says why, and the fix."""


def url_of(settings: Settings) -> str:
    """Where the service is reached from this machine."""
    host = settings.http.host
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"http://{reachable}:{settings.http.port}"


def answers(url: str) -> bool:
    """Whether a GET of ``url`` says 200 within two seconds; proxies are left out."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2.0) as response:
            return bool(response.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def is_port_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise CannotStart(
                f"cannot listen on {host}:{port}: {(error.strerror or '').lower()}; "
                "choose another with --port or HEADRACE_HTTP__HOST"
            ) from error
    return True


def next_free_port(host: str, port: int) -> int:
    """The first free port above ``port``."""
    for candidate in range(port + 1, min(port + PORTS_TRIED, 65_536)):
        if is_port_free(host, candidate):
            return candidate
    raise CannotStart(f"no port from {port} to {port + PORTS_TRIED} is free: choose one by --port")
