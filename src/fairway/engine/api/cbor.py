"""CBOR (RFC 8949), as far as AWS's RPC protocol uses it: no tags but times, no simple values but true, false and null."""

from __future__ import annotations

import struct
from typing import Any, Final

_DEEPEST: Final = 100
_INDEFINITE: Final = 31
_BREAK: Final = 0xFF
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}
_SIMPLE: Final = {20: False, 21: True, 22: None, 23: None}
_TIME: Final = 1


class MalformedCbor(ValueError):
    """The bytes are no CBOR that this protocol uses."""


def decode(data: bytes) -> Any:
    """The one item that `data` is. Times come as epoch seconds.

    Raises:
        MalformedCbor: it is not one, or nested too deep.
    """
    reader = _Reader(data)
    try:
        item = reader.item(0)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise MalformedCbor("the body ends too early, or holds text that is not UTF-8") from error
    if reader.at != len(data):
        raise MalformedCbor("something follows the end of the body")
    return item


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def item(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise MalformedCbor("the body is nested too deep")
        head = self._data[self.at]
        self.at += 1
        major, extra = head >> 5, head & 0x1F
        match major:
            case 0:
                return self._argument(extra)
            case 1:
                return -1 - self._argument(extra)
            case 2 | 3:
                chunk = self._string(major, extra)
                return chunk.decode() if major == 3 else chunk  # noqa: PLR2004 - major type 3 is text
            case 4:
                return self._array(extra, depth)
            case 5:
                return self._map(extra, depth)
            case 6:
                return self._tagged(extra, depth)
            case _:
                return self._simple(extra)

    def _argument(self, extra: int) -> int:
        if extra < 24:  # noqa: PLR2004 - the argument itself
            return extra
        width = _WIDTHS.get(extra)
        if width is None:
            raise MalformedCbor("a length or number is malformed")
        return int.from_bytes(self._bytes(width))

    def _bytes(self, count: int) -> bytes:
        if count > len(self._data) - self.at:
            raise MalformedCbor("the body ends too early")
        chunk = self._data[self.at : self.at + count]
        self.at += count
        return chunk

    def _ended(self) -> bool:
        if self._data[self.at] != _BREAK:
            return False
        self.at += 1
        return True

    def _string(self, major: int, extra: int) -> bytes:
        if extra != _INDEFINITE:
            return self._bytes(self._argument(extra))
        chunks = []
        while not self._ended():
            head = self._data[self.at]
            self.at += 1
            if head >> 5 != major or head & 0x1F == _INDEFINITE:
                raise MalformedCbor("a string in pieces holds something else")
            chunks.append(self._bytes(self._argument(head & 0x1F)))
        return b"".join(chunks)

    def _array(self, extra: int, depth: int) -> list[Any]:
        if extra != _INDEFINITE:
            return [self.item(depth + 1) for _ in range(self._sized(extra))]
        items = []
        while not self._ended():
            items.append(self.item(depth + 1))
        return items

    def _sized(self, extra: int) -> int:
        count = self._argument(extra)
        if count > len(self._data) - self.at:
            raise MalformedCbor("the body ends too early")
        return count

    def _map(self, extra: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        left = None if extra == _INDEFINITE else self._sized(extra)
        while (left > 0) if left is not None else not self._ended():
            key = self.item(depth + 1)
            if not isinstance(key, str):
                raise MalformedCbor("the keys of a map must be text")
            found[key] = self.item(depth + 1)
            if left is not None:
                left -= 1
        return found

    def _tagged(self, extra: int, depth: int) -> Any:
        tag = self._argument(extra)
        item = self.item(depth + 1)
        if tag != _TIME or isinstance(item, bool) or not isinstance(item, int | float):
            raise MalformedCbor(f"tag {tag} is not one of this protocol")
        return item

    def _simple(self, extra: int) -> Any:
        if extra in _FLOATS:
            return struct.unpack(_FLOATS[extra], self._bytes(_WIDTHS[extra]))[0]
        if extra not in _SIMPLE:
            raise MalformedCbor("a simple value is malformed")
        return _SIMPLE[extra]


# -- writing -----------------------------------------------------------------------------------------------------------


def head(major: int, argument: int) -> bytes:
    """The first bytes of an item: its kind, and a length or number."""
    if argument < 24:  # noqa: PLR2004 - it fits into the first byte
        return bytes([major << 5 | argument])
    for extra, width in _WIDTHS.items():
        if argument < 1 << (8 * width):
            return bytes([major << 5 | extra]) + argument.to_bytes(width)
    raise OverflowError(f"{argument} does not fit into CBOR")


def text(value: str) -> bytes:
    encoded = value.encode("utf-8", "replace")
    return head(3, len(encoded)) + encoded


def binary(value: bytes) -> bytes:
    return head(2, len(value)) + value


def integer(value: int) -> bytes:
    return head(0, value) if value >= 0 else head(1, -1 - value)


def double(value: float) -> bytes:
    return b"\xfb" + struct.pack(">d", value)


def boolean(value: bool) -> bytes:  # noqa: FBT001 - the value itself
    return b"\xf5" if value else b"\xf4"


def time(epoch_seconds: float) -> bytes:
    return head(6, _TIME) + double(epoch_seconds)
