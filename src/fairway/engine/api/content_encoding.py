"""Request bodies that clients compressed: the AWS SDKs do it for large PutMetricData requests."""

from __future__ import annotations

import zlib
from typing import Final

_GZIP: Final = 16 + zlib.MAX_WBITS


class TooLarge(Exception):
    """The body is larger than the engine takes."""


class MalformedEncoding(Exception):
    """The body is not what its Content-Encoding says."""


def decompress(body: bytes, encoding: str, most: int) -> bytes:
    """The body as it was before a client compressed it; other encodings (`aws-chunked`) stay as they are.

    Raises:
        TooLarge: it is longer than `most` bytes.
        MalformedEncoding: it is not gzip, though it says so.
    """
    if encoding.strip().lower() != "gzip":
        return body
    reader = zlib.decompressobj(_GZIP)
    try:
        plain = reader.decompress(body, most + 1)
    except zlib.error as error:
        raise MalformedEncoding(f"the body is not gzip: {error}") from None
    if len(plain) > most:
        raise TooLarge
    if not reader.eof:
        raise MalformedEncoding("the body is not gzip: it ends too early")
    return plain
