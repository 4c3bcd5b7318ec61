"""One health check request to one target."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from fairway.clock import monotonic

USER_AGENT: Final = "ELB-HealthChecker/2.0"
_MOST_LINE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """What came of it."""

    status_code: int | None
    failure: str | None
    """`timeout` or `connection` when there was no answer."""
    duration_seconds: float


async def probe(host: str, port: int, path: str, *, timeout_seconds: float) -> ProbeOutcome:
    """Send GET, read the status line, close: each check has its own connection, as ALB's have."""
    began = monotonic()
    try:
        async with asyncio.timeout(timeout_seconds):
            status = await _get(host, port, path)
    except TimeoutError:
        return ProbeOutcome(None, "timeout", monotonic() - began)
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return ProbeOutcome(None, "connection", monotonic() - began)
    return ProbeOutcome(status, None, monotonic() - began)


async def _get(host: str, port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(host, port, limit=_MOST_LINE)
    try:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: {USER_AGENT}\r\n"
            "Accept-Encoding: gzip, compressed\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode("latin-1", "replace"))
        line = await reader.readuntil(b"\n")
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("no HTTP answer")
        return int(rest[:3])
    finally:
        writer.close()
