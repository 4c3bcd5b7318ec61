"""Ports for tests: none is given twice, neither in this process nor to another test run on the same machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import Final

PORTS: Final = range(15000, 20000)
"""Below the ports of tasks, and below those that the system gives to clients."""
_HELD: Final[dict[int, int]] = {}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on; it stays ours for as long as this process lives."""
    folder = Path(tempfile.gettempdir()) / f"fairway-test-ports-{os.geteuid()}"
    folder.mkdir(exist_ok=True)
    start = os.getpid() * 61 + len(_HELD)
    for offset in range(len(PORTS)):
        port = PORTS[(start + offset) % len(PORTS)]
        if port not in _HELD and _hold(folder / str(port), port):
            return port
    raise AssertionError("no port is free")


def _hold(file: Path, port: int) -> bool:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with contextlib.suppress(OSError), socket.socket() as probe:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        _HELD[port] = descriptor
        return True
    os.close(descriptor)
    return False
