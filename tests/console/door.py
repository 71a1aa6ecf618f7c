"""A door in front of a server: whoever comes by it can be cut off, as by a network that fails."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

_PIECE = 65_536


class Door:
    """Passes connections on to a port of this machine, as long as it is open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_open = True
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def open(self) -> None:
        """Let connections through."""
        self._is_open = True

    def shut(self) -> None:
        """Cut every connection, and those to come."""
        self._is_open = False
        for end in self._ends:
            _cut(end)
        self._ends.clear()

    def close(self) -> None:
        """Cut all and listen no more."""
        self.shut()
        _cut(self._listener)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._is_open:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._port))
                self._ends += [client, server]
                for one, other in ((client, server), (server, client)):
                    Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while piece := one.recv(_PIECE):
            other.sendall(piece)
    _cut(one)
    _cut(other)
    one.close()  # each is read by one thread, which is the one to close it


def _cut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def door_to(port: int) -> Iterator[Door]:
    """A door that is open, and gone after the block."""
    door = Door(port)
    try:
        yield door
    finally:
        door.close()
