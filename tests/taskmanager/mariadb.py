"""A MariaDB server of one's own: an unprivileged process on a port, with its data in a folder that goes with it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from tests.ports import free_port

PROGRAM = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")
INSTALL = shutil.which("mariadb-install-db")
WHY_NOT = None if PROGRAM and INSTALL else "mariadbd is not installed (apt-get install mariadb-server)"
# the data need not survive a crash of the machine; that of the server they do
_FAST = ("--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0", "--sync-binlog=0", "--skip-log-bin")
# what MySQL 8 has by itself
_LIKE_MYSQL = ("--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", "--lower-case-table-names=0")


class MariaDB:
    """The server, which a test may stop and start."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="taskmanager-mariadb-"))
        self.port = free_port()
        # the server refuses to run as root
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        assert INSTALL is not None
        words = ["--no-defaults", f"--datadir={self.folder}/data", "--auth-root-authentication-method=normal"]
        self._call([INSTALL, *words, "--skip-test-db", "--skip-name-resolve"])

    def _call(self, words: list[str]) -> None:
        subprocess.run(words, check=True, capture_output=True, cwd=self.folder, timeout=60, **self._as)

    def start(self) -> Self:
        assert PROGRAM is not None
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    PROGRAM,
                    "--no-defaults",
                    f"--datadir={self.folder}/data",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    f"--socket={self.folder}/s",
                    f"--pid-file={self.folder}/pid",
                    "--skip-name-resolve",
                    *_FAST,
                    *_LIKE_MYSQL,
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as,
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)
        return self

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.settimeout(1)
            return bool(connection.recv(1))
        return False

    @property
    def is_running(self):
        return self._process is not None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder)

    def url(self, name: str) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{name}"
