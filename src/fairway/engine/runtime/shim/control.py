"""The connections of a shim: lines of JSON to and from the engine, whichever process it is by now."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CHUNK = 64 * 1024
_SEND_SECONDS = 2.0


def receive_line(connection: socket.socket) -> dict[str, Any] | None:
    """Wait for the first line, and leave what follows it; None: the other side went away before it came."""
    data = b""
    while not data.endswith(b"\n"):
        seen = connection.recv(_CHUNK, socket.MSG_PEEK)
        if not seen:
            return None
        data += connection.recv(seen.find(b"\n") + 1 or len(seen))
    document: dict[str, Any] = json.loads(data)
    return document


class Poller:
    """Descriptors, and what is called when one can be read."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], object]] = {}

    def watch(self, descriptor: int, handler: Callable[[], object]) -> None:
        self._handlers[descriptor] = handler
        self._poll.register(descriptor, select.POLLIN)

    def unwatch(self, descriptor: int) -> None:
        if self._handlers.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def watches(self, descriptor: int) -> bool:
        return descriptor in self._handlers

    def wait(self, seconds: float) -> None:
        """Wait for at most `seconds`, and call the handlers of what can be read."""
        for descriptor, _ in self._poll.poll(max(0.0, seconds) * 1000):
            handler = self._handlers.get(descriptor)
            if handler is not None:
                handler()


class Control:
    """Accepts engines at `socket` in the working directory, takes their orders and tells all of them what happens."""

    def __init__(self, poller: Poller, obey: Callable[[dict[str, Any]], None]) -> None:
        self.greeting: dict[str, Any] | None = None
        """What a new connection hears first."""
        self._poller = poller
        self._obey = obey
        self._heard: dict[socket.socket, bytes] = {}
        with contextlib.suppress(FileNotFoundError):
            os.unlink("socket")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind("socket")
        self._listening.listen(8)
        poller.watch(self._listening.fileno(), self._accept)

    def connect(self, connection: socket.socket) -> None:
        connection.settimeout(_SEND_SECONDS)
        self._heard[connection] = b""
        self._poller.watch(connection.fileno(), lambda: self._hear(connection))

    def tell(self, event: dict[str, Any]) -> None:
        line = json.dumps(event).encode() + b"\n"
        for connection in list(self._heard):
            try:
                connection.sendall(line)
            except OSError:
                self._disconnect(connection)  # it comes again, and hears the greeting

    def _accept(self) -> None:
        connection, _ = self._listening.accept()
        self.connect(connection)
        if self.greeting is not None:
            with contextlib.suppress(OSError):
                connection.sendall(json.dumps(self.greeting).encode() + b"\n")

    def _disconnect(self, connection: socket.socket) -> None:
        if self._heard.pop(connection, None) is not None:
            self._poller.unwatch(connection.fileno())
            connection.close()

    def _hear(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self._disconnect(connection)
            return
        *lines, self._heard[connection] = (self._heard[connection] + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
