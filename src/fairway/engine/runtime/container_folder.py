"""A container's folder: what was meant to run, what its shim noted, and what of it still lives."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fairway.clock import monotonic, sleep
from fairway.engine.runtime.protocol import ContainerRef
from fairway.engine.runtime.surroundings import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIVATE: Final = 0o700
_PATIENCE_SECONDS: Final = 5.0
_LOG_TAIL: Final = 500


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended, by its shim's note."""

    at: datetime
    exit_code: int | None = None
    reason: str | None = None
    failure: str | None = None
    """It never ran: why."""


@dataclass(frozen=True, slots=True)
class Began:
    """A container that was started, by its shim's note. Process id, start time and boot name a process for ever."""

    at: datetime
    pid: int
    start_time: int
    boot: str


class ContainerFolder:
    """The folder `TASK/CONTAINER` below the runtime's `tasks`."""

    def __init__(self, tasks: Path, ref: ContainerRef) -> None:
        self.ref = ref
        self.path = tasks / ref.task_id / ref.container

    @property
    def shim_log(self) -> Path:
        return self.path / "shim.log"

    def intend(self, mark: str, group: Path | None) -> None:
        """Note durably that the container is about to be started, by which mark and control group it will be known."""
        self.path.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        (self.path / "started.json").unlink(missing_ok=True)
        document: dict[str, Any] = {"task": self.ref.task_id, "container": self.ref.container, "mark": mark}
        document["group"] = None if group is None else str(group)
        new = self.path / "intent.new"
        with new.open("w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path / "intent.json")

    @property
    def mark(self) -> str | None:
        document = _read(self.path / "intent.json")
        return None if document is None else str(document["mark"])

    @property
    def group(self) -> Path | None:
        """The folder of its control group."""
        document = _read(self.path / "intent.json")
        return None if document is None or document["group"] is None else Path(document["group"])

    def began(self) -> Began | None:
        document = _read(self.path / "started.json")
        if document is None:
            return None
        return Began(_time(document["at"]), document["pid"], document["start_time"], document["boot"])

    def ended(self) -> Ended | None:
        document = _read(self.path / "exit.json")
        if document is None:
            return None
        return Ended(_time(document["at"]), document.get("code"), document.get("reason"), document.get("failed"))

    def is_held(self) -> bool:
        """A shim lives."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def connect(self) -> socket.socket | None:
        """A connection to the shim that lives; None: none does."""
        deadline = monotonic() + _PATIENCE_SECONDS
        while self.is_held() and monotonic() < deadline:
            connection = self._connect_once()
            if connection is not None:
                return connection
            sleep(0.02)  # it has just begun, or is about to end
        return None

    def _connect_once(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            # by the folder's descriptor: a socket's path may have no more than 107 bytes
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                connection.connect(f"/proc/self/fd/{folder}/socket")
            finally:
                os.close(folder)
        except OSError:
            connection.close()
            return None
        return connection

    def kill(self) -> None:
        """End the shim, and with it its container, and whatever else is left of it. Blocks until that is so."""
        deadline = monotonic() + _PATIENCE_SECONDS
        while self.is_held() and monotonic() < deadline:
            connection = self._connect_once()
            if connection is not None:
                with connection:
                    _kill(peer_pid(connection))
            sleep(0.01)
        mark = self.mark
        if mark is not None:
            kill_marked(mark)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()  # the task's last one

    def shim_complaint(self) -> str:
        """The last that a shim wrote about itself."""
        with contextlib.suppress(OSError):
            return self.shim_log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()
        return ""


def find_folders(tasks: Path, task_id: str = "*") -> Iterator[ContainerFolder]:
    """The folders of containers that were meant to run and are not released: of one task, or all."""
    for intent in tasks.glob(f"{task_id}/*/intent.json"):
        yield ContainerFolder(tasks, ContainerRef(intent.parent.parent.name, intent.parent.name))


def peer_pid(connection: socket.socket) -> int:
    """The process that listens at the other end, by the kernel's word."""
    size = struct.calcsize("3i")
    pid: int = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
    return pid


def marked_processes(mark: str) -> list[int]:
    """The processes that carry a container's mark in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill_marked(mark: str) -> None:
    """Kill what carries a mark, until nothing does."""
    deadline = monotonic() + _PATIENCE_SECONDS
    while (pids := marked_processes(mark)) and monotonic() < deadline:
        for pid in pids:
            _kill(pid)
        sleep(0.01)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document
