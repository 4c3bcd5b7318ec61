"""Ports that engines of one user have promised to listeners, whether somebody listens there yet or not.

A listener's port is chosen when it is made, but the data plane listens only once there is a target. Two engines that start
together would choose the same one: so each holds a lock on a file of the port's name for as long as it lives. When an engine
is killed, its data plane, which lives on, has the port itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import Final

_TRIES: Final = 5


def default_folder() -> Path:
    """Where engines of this user note the ports that they hold."""
    return Path(tempfile.gettempdir()) / f"fairway-ports-{os.geteuid()}"


class ReservedPorts:
    """The ports that this engine holds."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or default_folder()
        self._held: dict[int, int] = {}

    def reserve(self, port: int) -> bool:
        """Hold a port; False when another engine does."""
        if port in self._held:
            return True
        for _ in range(_TRIES):
            with contextlib.suppress(FileNotFoundError):  # another engine has just taken the empty folder away
                return self._reserve(port)
        return False

    def _reserve(self, port: int) -> bool:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if self._folder.stat().st_uid != os.geteuid():
            return True  # somebody else's folder of that name: then only those who listen are seen
        file = self._folder / str(port)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # who let go of it in between has taken the file away: then the lock is on nothing
            is_whole = file.exists() and file.stat().st_ino == os.fstat(descriptor).st_ino
        except BlockingIOError:
            is_whole = False
        if not is_whole:
            os.close(descriptor)
            return False
        self._held[port] = descriptor
        return True

    def keep_only(self, ports: set[int]) -> None:
        """Let go of every port that no listener has any more."""
        for port in self._held.keys() - ports:
            (self._folder / str(port)).unlink(missing_ok=True)
            os.close(self._held.pop(port))
        with contextlib.suppress(OSError):  # other engines' ports are in it
            self._folder.rmdir()

    def close(self) -> None:
        """Let go of all."""
        self.keep_only(set())
