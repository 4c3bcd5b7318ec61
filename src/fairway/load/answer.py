"""Reads one HTTP/1.1 answer after another from a connection: the status and where the answer ends, the body is let go.

A parser of our own, since this has to be cheap and to tell exactly what is wrong with an answer that is cut off.
"""

from __future__ import annotations

from typing import Final

_MOST_HEAD: Final = 64 * 1024
_BODILESS: Final = frozenset({204, 304})
_FIRST_FINAL: Final = 200


class BrokenAnswer(ValueError):
    """What arrived is no HTTP/1.1 answer."""


class AnswerReader:
    """One answer. `feed` it what arrives until it says that the answer is whole."""

    __slots__ = ("_buffer", "_chunked", "_in_trailer", "_left", "_until_end", "keep_alive", "status")

    def __init__(self) -> None:
        self.status = 0
        """0 until the head was read."""
        self.keep_alive = True
        self._buffer = b""
        self._left = 0
        """Bytes of the body, or of the chunk with its line end, that have not arrived."""
        self._chunked = self._in_trailer = self._until_end = False

    def feed(self, data: bytes) -> bool:
        """Take in what arrived; whether the answer is whole.

        Raises:
            BrokenAnswer: it is no HTTP, or more than an answer.
        """
        if not self.status:
            data = self._buffer + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > _MOST_HEAD or not b"HTTP/1.".startswith(data[:7]):
                    raise BrokenAnswer("no HTTP answer")
                self._buffer = data
                return False
            self._read_head(data[:end])
            self._buffer = b""
            return self.feed(data[end + 4 :])
        if self._until_end:
            return False
        if self._chunked:
            return self._feed_chunks(data)
        if len(data) > self._left:
            raise BrokenAnswer("more bytes than the answer's length")
        self._left -= len(data)
        return self._left == 0

    def end(self) -> bool:
        """The connection was closed; whether the answer is whole."""
        return bool(self.status) and self._until_end

    def _read_head(self, head: bytes) -> None:
        line, *fields = head.split(b"\r\n")
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise BrokenAnswer("no HTTP answer")
        status, length = int(rest[:3]), None
        self.keep_alive = version != b"HTTP/1.0"
        for field in fields:
            name, _, value = field.partition(b":")
            match name.lower():
                case b"content-length" if value.strip().isdigit():
                    length = int(value)
                case b"transfer-encoding":
                    self._chunked = value.strip().lower().endswith(b"chunked")
                case b"connection":
                    self.keep_alive = value.strip().lower() != b"close"
                case _:
                    pass
        if status < _FIRST_FINAL:
            self._chunked = False  # an interim answer: the next head follows
            return
        self.status = status
        if status in _BODILESS:
            self._chunked = False
        elif not self._chunked:
            self._left, self._until_end = length or 0, length is None
            self.keep_alive = self.keep_alive and not self._until_end

    def _feed_chunks(self, data: bytes) -> bool:
        data = self._buffer + data
        while data:
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                data = data[taken:]
                continue
            line, found, rest = data.partition(b"\r\n")
            if not found:
                break
            data = rest
            if self._in_trailer:
                if not line:
                    return True
                continue
            try:
                size = int(line.partition(b";")[0], 16)
            except ValueError:
                raise BrokenAnswer("a chunk without a size") from None
            self._in_trailer = size == 0
            self._left = size + 2 if size else 0
        self._buffer = data
        return False
