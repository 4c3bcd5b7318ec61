"""The life of one server beside the engine: started once, adopted when it runs, ended by plan, never two over the same data."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from fairway.clock import monotonic, sleep
from fairway.engine.runtime.places import enterable
from fairway.errors import FairwayError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.engine.directory import DataDirectory
    from fairway.ids import IdSource

HOST: Final = "127.0.0.1"
NOBODY: Final = 65534
POLL_SECONDS: Final = 0.02
_PORTS: Final = 200
_LINGER_SECONDS: Final = 2.0


class StoreFailed(FairwayError):
    """A laptop's store does not start."""

    code = "stores"


class PortTaken(StoreFailed):
    """Another program was faster: the port was free when it was chosen."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server of ours; what is written down of it."""

    port: int
    password: str = field(repr=False)
    pid: int


class Server(ABC):
    """A kind of server in a data directory, whether it runs or not."""

    key: ClassVar[str]
    """Of its folder, its note and its place in the engine's health."""
    title: ClassVar[str]
    first_port: ClassVar[int]
    stop_seconds: ClassVar[float] = 10.0
    """After which it is killed: until then it writes its data."""
    moves: ClassVar[bool]
    """Whether it may come back on another port when its own was taken meanwhile."""

    def __init__(self, directory: DataDirectory) -> None:
        self._stores = directory.stores
        self._note = self._stores / f"{self.key}.json"
        self._known_place: Path | None = None

    @property
    def exists(self) -> bool:
        """It was started once."""
        return self._note.exists()

    def start(self, ids: IdSource, *, same_port: bool = False) -> Running:
        """The server, started when it does not run; port and password stay what they were.

        `same_port`: never another one, since tasks that run know it by its port.

        Raises:
            StoreFailed: it does not start.
        """
        with self._alone():
            known = self._read()
            if known is not None and self._is_ours(known.pid):
                return known
            self._end_stray()
            must_stay = same_port or not self.moves
            is_free = known is not None and _becomes_free(known.port)
            if known is not None and must_stay and not is_free:
                raise StoreFailed(
                    f"port {known.port} is taken by another program",
                    hint=f"end it: tasks look for {self.title} on this port",
                )
            port = known.port if known is not None and is_free else self.free_port()
            password = known.password if known is not None else ids.hexadecimal(40)
            while True:
                try:
                    started = Running(port, password, self._launch(port, password))
                    break
                except PortTaken:
                    # two engines that start together may choose the same one
                    if known is not None and must_stay:
                        raise
                    port = self.free_port(port + 1)
            self._write(started)
            return started

    def is_down(self) -> bool:
        """It was started once, and does not run."""
        known = self._read()
        return known is not None and not self._is_ours(known.pid)

    def stop(self) -> None:
        """End the server, after it has written its data."""
        known = self._read()
        if known is not None and self._is_ours(known.pid):
            self._end(known.pid)
        else:
            self._end_stray()

    def likely_port(self) -> int:
        """Where it will listen, as far as can be told before."""
        known = self._read()
        return known.port if known is not None else self.free_port()

    def free_port(self, start: int | None = None) -> int:
        """The first port from its usual one, or `start`, on which nobody listens.

        Raises:
            StoreFailed: none is free.
        """
        last = self.first_port + _PORTS
        for port in range(start or self.first_port, last):
            if _is_free(port):
                return port
        raise StoreFailed(f"no port from {self.first_port} to {last - 1} is free for {self.title}")

    # -- what each kind does by itself -----------------------------------------------------------------------------

    @abstractmethod
    def _launch(self, port: int, password: str) -> int:
        """Start it, and wait until it answers; its process id.

        Raises:
            PortTaken: another program has the port.
            StoreFailed: it does not start.
        """

    @abstractmethod
    def _is_ours(self, pid: int) -> bool:
        """The process lives, and is this server."""

    @abstractmethod
    def _stray(self) -> int | None:
        """The process of this folder that a file of the server's own names, if there is one."""

    # -- for each of them ------------------------------------------------------------------------------------------

    def _end_stray(self) -> None:
        """A server of this folder of which nothing is written down: whoever started it was killed before."""
        if not self._stores.exists():
            return
        pid = self._stray()
        if pid is not None and self._is_ours(pid):
            self._end(pid)

    def _end(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = monotonic() + self.stop_seconds
        # not `_is_ours`: what ends has no command line any more, before its threads and its port are gone
        while lives(pid):
            if monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            sleep(POLL_SECONDS)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """`up` and the engine may start it at the same time: one of them does."""
        self._stores.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._stores / f"{self.key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _place(self) -> Path:
        """Where its folder is, or would be."""
        if self._known_place is None:
            self._known_place = enterable(self._stores) / self.key
        return self._known_place

    def _folder(self) -> Path:
        return make_folder(self._stores, self.key)

    def _read(self) -> Running | None:
        try:
            return Running(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, running: Running) -> None:
        temporary = self._note.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(asdict(running)))
        temporary.replace(self._note)


def make_folder(stores: Path, name: str) -> Path:
    """A folder of the stores, made when it is missing; closed to others, but for programs."""
    folder = enterable(stores) / name
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755 if name == "bin" else 0o700)
    return folder


def lives(pid: int) -> bool:
    """The process has not ended; one that only waits for its parent has, but for threads that it still has."""
    folder = Path(f"/proc/{pid}")
    try:
        state = (folder / "stat").read_text().rpartition(") ")[2][:1]
        return state not in {"Z", "X"} or sum(1 for _ in (folder / "task").iterdir()) > 1
    except OSError:
        return False


def words_of(pid: int) -> bytes:
    """The command line of a process; empty: there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def read_from(path: Path, position: int) -> bytes:
    """What a log has said from a position on."""
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read()
    except FileNotFoundError:
        return b""


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def give_to_nobody(folder: Path) -> None:
    """As root, a server runs as nobody, whose its folder then has to be."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def _becomes_free(port: int) -> bool:
    """Soon, at least: the threads of a server that was killed hold its port for a moment longer than it lives."""
    deadline = monotonic() + _LINGER_SECONDS
    while not _is_free(port):
        if monotonic() > deadline:
            return False
        sleep(POLL_SECONDS)
    return True


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
