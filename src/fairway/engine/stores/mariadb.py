"""A MariaDB (or MySQL) server of one's own, by the program that the machine has: it stands for RDS.

No package of Python's brings one, so it has to be installed. A server that the system runs is left alone: this one has its own
data, settings, port and password, and listens on 127.0.0.1 only. Account and database are made by a file of statements that it
reads at each start, so that the password stands on no command line.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

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
    read_from,
    size_of,
    words_of,
)
from fairway.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from fairway.ids import IdSource

USER: Final = "fairway"
INSTALL: Final = "Debian, Ubuntu: apt-get install mariadb-server; macOS: brew install mariadb"
_PLACES: Final = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/bin", "/opt/homebrew/opt/mariadb/bin")
"""Where servers lie that are not in everybody's PATH."""
_START_SECONDS: Final = 60.0
_PREPARE_SECONDS: Final = 120.0
_TAKEN: Final = re.compile(rb"Address already in use|already have another \S* ?server running on port")
_DATABASES: Final = "databases"
"""The file of those that were asked for: each start makes what is missing."""
_ERROR_PACKET: Final = 0xFF
_HEADER_BYTES: Final = 5
"""Of a greeting: length, number, and the first byte that tells an error."""


@dataclass(frozen=True, slots=True)
class Program:
    """An installed server."""

    server: str
    installer: str | None
    """Makes the data folder; None: the server does it (MySQL)."""
    version: str

    @property
    def title(self) -> str:
        found = re.search(r"\d+(\.\d+)+", self.version)
        return f"{'MySQL' if self.installer is None else 'MariaDB'} {found[0] if found else ''}".strip()


def find_program(path: str | None = None) -> Program:
    """The server that is installed; `path` stands for PATH.

    Raises:
        UsageError: none is; says how to get one.
    """
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), *_PLACES)) if path is None else path
    why = "neither mariadbd nor mysqld is installed"
    for name in ("mariadbd", "mysqld"):
        server = shutil.which(name, path=places)
        if server is None:
            continue
        version = _version(server)
        if "MariaDB" not in version:
            return Program(server, None, version)
        installers = (shutil.which(each, path=places) for each in ("mariadb-install-db", "mysql_install_db"))
        installer = next((found for found in installers if found is not None), None)
        if installer is not None:
            return Program(server, installer, version)
        why = f"{server} is installed without mariadb-install-db"
    raise UsageError(f"--database mysql: {why}", hint=f"{INSTALL}; or use SQLite: --database sqlite")


def _version(server: str) -> str:
    try:
        said = subprocess.run(
            [server, "--no-defaults", "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip()


def database_name(project: str) -> str:
    """What a project's database is called: words of letters, digits and underscores, as no quoting can hurt."""
    return re.sub(r"\W", "_", project, flags=re.ASCII)[:64]


class MariaDB(Server):
    """Stands for RDS."""

    key = "mariadb"
    title = "MariaDB"
    first_port = 3306
    stop_seconds = 60.0
    moves = False  # DATABASE_URL is a secret that was made once

    def start_with(self, database: str, ids: IdSource) -> Running:
        """The server, with a database in it. One that runs without it is started anew: only then are its statements read.

        Raises:
            StoreFailed: it does not start.
        """
        known = self._databases()
        if database not in known:
            self.stop()
            note = self._folder() / _DATABASES
            note.write_text("\n".join([*known, database]))
        return self.start(ids)

    def _databases(self) -> list[str]:
        note = self._place() / _DATABASES
        return note.read_text().split() if note.exists() else []

    @staticmethod
    def url(running: Running, database: str) -> str:
        return f"mysql://{USER}:{running.password}@{HOST}:{running.port}/{database}"

    def _is_ours(self, pid: int) -> bool:
        return lives(pid) and f"--defaults-file={self._settings}".encode() in words_of(pid).split(b"\0")

    @property
    def _settings(self) -> Path:
        return self._place() / "my.cnf"

    def _stray(self) -> int | None:
        try:
            return int((self._place() / "pid").read_text())
        except (OSError, ValueError):
            return None

    def _launch(self, port: int, password: str) -> int:
        program, folder = find_program(), self._folder()
        self._prepare(program, folder)
        (folder / "pid").unlink(missing_ok=True)
        _write_secret(folder / "start.sql", _statements(password, self._databases(), program))
        _write_secret(folder / "my.cnf", _settings_text(folder, port))
        give_to_nobody(folder)
        log = folder / "mariadb.log.err"
        said_before = size_of(log)
        # by a shell that ends at once: nobody's child, as whoever starts it may end before it, or never look after it
        began = subprocess.run(
            [
                "/bin/sh",
                "-c",
                '"$0" "$@" >>output.log 2>&1 & echo $!',
                program.server,
                f"--defaults-file={self._settings}",
            ],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            **_as_nobody(folder),
        )
        pid = int(began.stdout)
        deadline = monotonic() + _START_SECONDS
        # the pid file comes after the port is its own: until then another server may answer there
        while not ((folder / "pid").exists() and _greets(port)):
            if not lives(pid):
                said = read_from(log, said_before)
                if _TAKEN.search(said):
                    raise PortTaken(f"port {port} is taken by another program", hint=f"see {log}")
                raise StoreFailed(f"{program.title} ended at once on {HOST}:{port}", hint=f"see {log}")
            if monotonic() > deadline:
                self._end(pid)
                raise StoreFailed(f"{program.title} did not start on {HOST}:{port}", hint=f"see {log}")
            sleep(POLL_SECONDS)
        return pid

    @staticmethod
    def _prepare(program: Program, folder: Path) -> None:
        """Make the data folder, in one step: a half made one is made anew."""
        data, new = folder / "data", folder / "data.new"
        if data.exists():
            return
        shutil.rmtree(new, ignore_errors=True)
        give_to_nobody(folder)
        words = [program.server, "--no-defaults", "--initialize-insecure", f"--datadir={new}"]
        if program.installer is not None:
            words = [program.installer, "--no-defaults", f"--datadir={new}", "--skip-test-db", "--skip-name-resolve"]
            words += ["--auth-root-authentication-method=socket"]
        said = folder / "prepare.log"
        with said.open("wb") as log:
            done = subprocess.run(
                words,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_PREPARE_SECONDS,
                **_as_nobody(folder),
            )
        if done.returncode != 0 or not new.exists():
            raise StoreFailed(f"{program.title} cannot make its data folder", hint=f"see {said}")
        new.replace(data)


def _statements(password: str, databases: list[str], program: Program) -> str:
    """What the server does before it listens, each time that it starts: one line, one statement."""
    account = f"'{USER}'@'{HOST}'"
    lines = [
        f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}'",
        f"ALTER USER {account} IDENTIFIED BY '{password}'",
    ]
    for name in databases:
        lines += [
            f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4",
            f"GRANT ALL ON `{name}`.* TO {account}",
        ]
    if program.installer is None:
        # MySQL's own root has no password; MariaDB's is the system's root alone, by the socket
        lines.append("ALTER USER 'root'@'localhost' ACCOUNT LOCK")
    return "".join(f"{line};\n" for line in lines)


def _settings_text(folder: Path, port: int) -> str:
    """For tens of connections on a laptop; the socket's name is relative to the data, since a path has few letters there."""
    return f"""\
[mysqld]
bind-address = {HOST}
port = {port}
datadir = {folder / "data"}
socket = server.sock
pid-file = {folder / "pid"}
log-error = {folder / "mariadb.log.err"}
init-file = {folder / "start.sql"}
skip-name-resolve
skip-log-bin
character-set-server = utf8mb4
max-connections = 500
performance-schema = OFF
innodb-buffer-pool-size = 64M
loose-innodb-log-file-size = 32M
# written to the system at each commit: a killed server loses nothing, a crashed machine a second
innodb-flush-log-at-trx-commit = 2
loose-mysqlx = OFF
"""


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def _as_nobody(folder: Path) -> dict[str, Any]:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    return {"cwd": folder, "user": NOBODY, "group": NOBODY, "extra_groups": []}


def _greets(port: int) -> bool:
    """It speaks first, when it has done its statements."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0) as connection:
            greeting = b""
            while len(greeting) < _HEADER_BYTES:
                piece = connection.recv(256)
                if not piece:
                    return False
                greeting += piece
    except OSError:
        return False
    return greeting[_HEADER_BYTES - 1] != _ERROR_PACKET
