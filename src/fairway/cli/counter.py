"""The request counters that `fairway load` keeps while it runs: read for the live view, never waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.clock import wall_now
from fairway.load.published import folder, read_published

if TYPE_CHECKING:
    from fairway.load.published import PublishedLoad

_NEW: Final = timedelta(seconds=3)


def counters() -> list[PublishedLoad]:
    """Of every load on this machine that counted within the last three seconds."""
    try:
        ports = sorted(int(file.stem) for file in folder().glob("*.json") if file.stem.isdigit())
    except OSError:
        return []
    now = wall_now()
    found = (read_published(port) for port in ports)
    return [load for load in found if load is not None and now - load.at <= _NEW]


def text(load: PublishedLoad) -> str:
    """`300 requests/s, 0 failed, p95 4 ms (http://127.0.0.1:8080)`."""
    slow = "" if load.p95_ms is None else f", p95 {load.p95_ms:.0f} ms"
    return f"{load.rate:.0f} requests/s, {load.failed} failed{slow} ({load.address})"
