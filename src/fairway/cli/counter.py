"""The request counter that `fairway load` keeps while it runs: read for the live view, never waited for."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.clock import wall_now

if TYPE_CHECKING:
    from collections.abc import Iterator

_FRESH_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Counter:
    """What `fairway load` counted up to now."""

    address: str
    rate: float
    requests: int
    failed: int
    p95_ms: float

    def text(self) -> str:
        """`300 requests/s, 0 failed, p95 4 ms (http://127.0.0.1:8080)`."""
        return f"{self.rate:.0f} requests/s, {self.failed} failed, p95 {self.p95_ms:.0f} ms ({self.address})"


def counter_folder() -> Path:
    """Where `fairway load` of this user writes."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"fairway-load-{os.getuid()}"


def counters(folder: Path | None = None, now: datetime | None = None) -> list[Counter]:
    """The counters that are less than three seconds old."""
    return list(_fresh(folder or counter_folder(), now or wall_now()))


def _fresh(folder: Path, now: datetime) -> Iterator[Counter]:
    try:
        files = sorted(folder.glob("*.json"))
    except OSError:
        return
    for file in files:
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            at = datetime.fromisoformat(document["at"])
            counter = Counter(
                str(document["address"]),
                float(document["rate"]),
                int(document["requests"]),
                int(document["failed"]),
                float(document.get("p95_ms") or 0.0),
            )
            age = (now - at).total_seconds()
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if age <= _FRESH_SECONDS:
            yield counter
