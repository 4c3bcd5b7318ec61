"""A file with the second of the worker's last sign of life.

`celery inspect ping` costs more than a CPU-second each time. A laptop's health command reads this file instead, in a shell:
`test $(( $(date +%s) - $(cat ${TMPDIR:-/tmp}/taskmanager-worker-$HOSTNAME.alive) )) -lt 30`.
It is written only while the worker is connected to its queue and its event loop turns.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

INTERVAL_SECONDS: Final = 3.0


@dataclass(slots=True)
class _Limit:
    """When the signs of life end, for the fault `unhealthy_after`."""

    until: float | None = None


_limit: Final = _Limit()


def hostname() -> str:
    """The name of this container: the worker's node is `celery@` this."""
    return os.environ.get("HOSTNAME") or socket.gethostname()


def path() -> Path:
    return Path(os.environ.get("TMPDIR") or "/tmp") / f"taskmanager-worker-{hostname()}.alive"  # noqa: S108


def end_after(seconds: float) -> None:
    """Give no sign of life any more after so many seconds."""
    _limit.until = time.monotonic() + seconds


def beat() -> bool:
    """Write the present second; a reader never sees half a file. False: no sign is to be given any more."""
    if _limit.until is not None and time.monotonic() >= _limit.until:
        path().unlink(missing_ok=True)
        return False
    new = path().with_suffix(f".{os.getpid()}")
    new.write_text(str(int(time.time())), encoding="ascii")
    new.replace(path())
    return True
