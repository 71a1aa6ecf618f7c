"""The proxy of the soak really cuts, delays and swallows."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from soak.proxy import Proxy


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """In front of a server that says everything back."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "echo"))
        listener.listen()
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        with Proxy(lambda: tmp_path / "echo") as running:
            yield running
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(1000):
            connection.sendall(data)


def _connect(proxy: Proxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    assert _say(client, b"hello") == b"hello"
    return client


def _say(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    return client.recv(1000)


def test_it_cuts(proxy: Proxy) -> None:
    with _connect(proxy) as client:
        assert proxy.cut(Random(1)) == 1
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with _connect(proxy) as client:  # a new one is as good as ever
        assert proxy.cut(Random(1), share=0.0) == 0
        assert _say(client, b"still here") == b"still here"


def test_it_delays(proxy: Proxy) -> None:
    with _connect(proxy) as client:
        proxy.set_delay(0.1)
        began = time.monotonic()
        _say(client, b"slow")
        assert time.monotonic() - began >= 0.2  # there and back
        proxy.heal()


def test_it_swallows_and_lets_go(proxy: Proxy) -> None:
    with _connect(proxy) as client:
        proxy.swallow(True)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            _say(client, b"into the void")
        proxy.heal()
        client.settimeout(10)
        assert client.recv(1000) == b"into the void"


def test_it_leaves_the_servers_side_open(proxy: Proxy) -> None:
    with _connect(proxy) as client:
        assert proxy.leave_half_open(Random(1), 1.0, 0.5) == 1
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert proxy.count == 1
        deadline = time.monotonic() + 10
        while proxy.count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert proxy.count == 0
