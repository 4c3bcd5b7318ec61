"""What a running load tells others on this machine: a small file for each port that is under load.

`$XDG_RUNTIME_DIR` (else the temporary folder) `/fairway-load-<user id>/<port>.json`, replaced each second, removed at the
end. The folder is its user's alone: in a folder for all, somebody else could have made it first.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.clock import wall_now

if TYPE_CHECKING:
    from fairway.load.tally import Summary

FRESH: Final = timedelta(seconds=5)
"""An older file was left by a load that was killed."""


@dataclass(frozen=True, slots=True)
class PublishedLoad:
    """The load on a port."""

    address: str
    rate: float
    """Requests per second in the last second."""
    requests: int
    """Since its start, as `failed`."""
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    """Of the last second."""
    at: datetime


def folder() -> Path:
    """Where the files lie; it may not exist."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"fairway-load-{os.getuid()}"


class Publisher:
    """Keeps the file of one port. It is no part of the measurement: what goes wrong with it is let go."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._path = folder() / f"{port}.json"
        self._is_ours = _make_private(self._path.parent)

    def publish(self, second: Summary, total: Summary) -> None:
        """Replace the file."""
        if not self._is_ours:
            return
        document = {
            "address": self._address,
            "rate": round(second.rate, 1),
            "requests": total.requests,
            "failed": total.failed,
            "p50_ms": second.p50_ms,
            "p95_ms": second.p95_ms,
            "p99_ms": second.p99_ms,
            "at": wall_now().isoformat(),
        }
        temporary = self._path.with_suffix(f".{os.getpid()}.new")
        with contextlib.suppress(OSError):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(document, file)
            temporary.replace(self._path)

    def remove(self) -> None:
        if self._is_ours:
            with contextlib.suppress(OSError):
                self._path.unlink()
                self._path.parent.rmdir()  # unless another load is counted there


def read_published(port: int) -> PublishedLoad | None:
    """The load on a port of this machine now; None: there is none."""
    path = folder() / f"{port}.json"
    try:
        if not _is_private(path.parent):
            return None
        content = json.loads(path.read_text())
        content["at"] = datetime.fromisoformat(content["at"])
        found = PublishedLoad(**content)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if wall_now() - found.at <= FRESH else None


def _make_private(path: Path) -> bool:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        return _is_private(path)
    except OSError:
        return False


def _is_private(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) == 0o700  # noqa: PLR2004 - a mode
