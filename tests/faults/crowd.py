"""Clients that hold a connection and do not get on with it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.faults.visitors import ORIGIN, PATH

HEAD = b"GET /s/summit/loader.js HTTP/1.1\r\nHost: localhost\r\n"
"""Without its end."""
BODY = (
    f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nOrigin: {ORIGIN}\r\n"
    "Content-Type: text/plain\r\nContent-Length: 400\r\n\r\n{"
).encode()
"""One byte of four hundred."""


SCRIPT = b"GET /s/summit/debug.js?en,1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""For the largest script, not compressed."""
SCRIPTS = 100
"""That a reader asks for at once: more than the kernel keeps for it."""


class Crowd:
    """Connections to ``port``. ``idle`` ones say nothing, ``slow`` ones half a head or body;
    ``readers`` ask for script after script and read nothing.
    """

    def __init__(self, port: int, *, idle: int = 0, slow: int = 0, readers: int = 0) -> None:
        self.idle = [self._connected(port, b"") for _ in range(idle)]
        self.heads = [self._connected(port, HEAD) for _ in range(slow)]
        self.bodies = [self._connected(port, BODY) for _ in range(slow)]
        self.readers = [self._connected(port, SCRIPT * SCRIPTS) for _ in range(readers)]

    @staticmethod
    def _connected(port: int, said: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        connection.sendall(said)
        return connection

    def drip(self) -> None:
        """One more header of each slow head that the service has not given up yet."""
        for connection in self.heads:
            with suppress(OSError):
                connection.sendall(b"X-More: 1\r\n")

    def close(self) -> None:
        for connection in (*self.idle, *self.heads, *self.bodies, *self.readers):
            connection.close()


@contextmanager
def crowd(port: int, *, idle: int = 0, slow: int = 0, readers: int = 0) -> Iterator[Crowd]:
    clients = Crowd(port, idle=idle, slow=slow, readers=readers)
    try:
        yield clients
    finally:
        clients.close()
