"""One connection of the load generator: a plain non-blocking socket under the event loop.

Sockets without asyncio's transports: at some hundred requests a second the generator must not be what is measured.
"""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fairway.load.address import LOOPBACK
from fairway.load.answer import AnswerReader, BrokenAnswer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_CHUNK: Final = 64 * 1024
_NAMES: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
}


@dataclass(slots=True)
class Request:
    """A request and when it was to be sent (by the monotonic clock)."""

    intended_at: float
    path: str
    data: bytes
    deadline: float = 0.0
    new_connection: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request."""

    status: int
    """0: no answer."""
    kind: str = ""
    detail: str = ""


class Connection:
    """Sends one request at a time. `done` hears of each outcome, `gone` when the connection can no longer be used."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        port: int,
        *,
        done: Callable[[Connection, Request, Outcome], None],
        gone: Callable[[Connection], None],
    ) -> None:
        self._loop = loop
        self._done = done
        self._gone = gone
        self._request: Request | None = None
        self._reader = AnswerReader()
        self._unsent = b""
        self._connected = False
        self.closed = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = port

    @property
    def request(self) -> Request | None:
        """What is under way."""
        return self._request

    def open(self, request: Request) -> None:
        """Connect, then send."""
        self._request = request
        request.new_connection = True
        result = self._socket.connect_ex((LOOPBACK, self._port))
        if result == 0:
            self._ready()
        elif result == errno.EINPROGRESS:
            self._loop.add_writer(self._socket, self._on_connected)
        else:
            self._fail(_NAMES.get(result, "connection failed"), os.strerror(result))

    def is_alive(self) -> bool:
        """Whether the other side has not closed it meanwhile; looked at before something is sent."""
        try:
            data = self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self.close()
        return bool(data)

    def send(self, request: Request) -> None:
        """Send on an idle connection."""
        self._request = request
        self._write(request.data)

    def close(self) -> None:
        """Close it; nothing is told of a request that is under way."""
        if self.closed:
            return
        self.closed = True
        self._request = None
        if self._connected:
            self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._gone(self)

    def give_up(self) -> None:
        """The request took too long."""
        self._fail(
            "time-out",
            "no connection" if not self._connected else "no answer" if not self._reader.status else "half an answer",
        )

    # -- events ----------------------------------------------------------------------------------------------------

    def _on_connected(self) -> None:
        self._loop.remove_writer(self._socket)
        result = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result:
            self._fail(_NAMES.get(result, "connection failed"), os.strerror(result))
        else:
            self._ready()

    def _ready(self) -> None:
        self._connected = True
        self._loop.add_reader(self._socket, self._on_readable)
        assert self._request is not None
        self._write(self._request.data)

    def _write(self, data: bytes) -> None:
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._fail(_NAMES.get(error.errno or 0, "connection failed"), error.strerror or "")
            return
        self._unsent = data[sent:]
        if self._unsent:
            self._loop.add_writer(self._socket, self._on_writable)

    def _on_writable(self) -> None:
        self._loop.remove_writer(self._socket)
        self._write(self._unsent)

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(_NAMES.get(error.errno or 0, "connection failed"))
            return
        if not data:
            self._lost("connection closed")
            return
        if self._request is None:
            self.close()  # bytes that nobody asked for: an idle connection's time-out answer, or an error of the server
            return
        try:
            whole = self._reader.feed(data)
        except BrokenAnswer as error:
            self._fail("broken answer", str(error))
            return
        if whole:
            self._succeed()

    def _lost(self, kind: str) -> None:
        """The other side ended the connection: while nothing was asked that is its right."""
        if self._request is None:
            self.close()
        elif kind == "connection closed" and self._reader.end():
            self._succeed()
        elif self._reader.status:
            self._fail("broken answer", f"{kind} in the middle of the answer")
        else:
            self._fail(kind, "the request was sent, and nothing came back")

    def _succeed(self) -> None:
        request, reader = self._request, self._reader
        assert request is not None
        self._request, self._reader = None, AnswerReader()
        if not reader.keep_alive:
            self.close()
        self._done(self, request, Outcome(reader.status))

    def _fail(self, kind: str, detail: str) -> None:
        request, status = self._request, self._reader.status
        self.close()
        if request is not None:
            self._done(self, request, Outcome(status, kind, detail))
