"""The bad network of the chaos suite does what it says."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.tcp_proxy import TcpProxy


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while piece := self.request.recv(1024):
            self.request.sendall(piece)


@pytest.fixture
def echo_port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo_port: int) -> Iterator[TcpProxy]:
    proxy = TcpProxy(echo_port)
    proxy.start()
    yield proxy
    proxy.stop()


def connected(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def echoed(connection: socket.socket, text: bytes = b"hello") -> bytes:
    connection.sendall(text)
    return connection.recv(1024)


def is_dead(connection: socket.socket) -> bool:
    try:
        return echoed(connection) == b""
    except OSError:
        return True


def test_it_passes_on_in_both_directions(proxy: TcpProxy) -> None:
    with connected(proxy) as connection:
        assert echoed(connection) == b"hello"


def test_dropped_connections_are_dead_and_new_ones_are_welcome(proxy: TcpProxy) -> None:
    with connected(proxy) as old:
        echoed(old)
        proxy.drop()
        assert is_dead(old)
    with connected(proxy) as new:
        assert echoed(new) == b"hello"


def test_while_it_is_cut_nobody_gets_through(proxy: TcpProxy) -> None:
    with proxy.cut(), connected(proxy) as connection:
        assert is_dead(connection)
    with connected(proxy) as connection:
        assert echoed(connection) == b"hello"


def test_while_it_is_slow_everything_takes_longer(proxy: TcpProxy) -> None:
    with connected(proxy) as connection, proxy.slow(0.2):
        started = time.monotonic()
        assert echoed(connection) == b"hello"
        assert time.monotonic() - started >= 0.4
