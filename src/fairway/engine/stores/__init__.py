"""The stores that a workload finds on a laptop, all in the data directory: SQLite files or MariaDB, and Valkey.

They stand for RDS and ElastiCache: beside the engine, not in it. A server listens on 127.0.0.1 alone, asks for a password, and
keeps its data; it lives from the first `up` until the engine is stopped, and comes back with the engine.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fairway.engine.stores.choice import Database, choose, remembered
from fairway.engine.stores.mariadb import MariaDB
from fairway.engine.stores.server import Server, StoreFailed, make_folder
from fairway.engine.stores.valkey import Valkey

if TYPE_CHECKING:
    from pathlib import Path

    from fairway.engine.directory import DataDirectory
    from fairway.ids import IdSource

__all__ = ["Database", "MariaDB", "Server", "StoreFailed", "Stores", "Valkey", "choose"]


class Stores:
    """The stores of one data directory."""

    def __init__(self, directory: DataDirectory) -> None:
        self._folder = directory.stores
        self._choice = directory.stores / "database.txt"
        self.valkey = Valkey(directory)
        self.mariadb = MariaDB(directory)
        self.servers: tuple[Server, ...] = (self.valkey, self.mariadb)

    def database(self) -> Database | None:
        """What was chosen; None: nothing was."""
        said = self._choice.read_text() if self._choice.exists() else None
        return remembered(said, has_files=(self._folder / "database").exists())

    def remember(self, database: Database) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._choice.write_text(database)

    def database_folder(self, group: int) -> Path:
        """A folder for SQLite files, made when it is missing; as root it is writable by the users of one group alone."""
        folder = make_folder(self._folder, "database")
        if os.geteuid() == 0:
            os.chown(folder, group, group)
            folder.chmod(0o2770)
        return folder

    def start_known(self, ids: IdSource) -> None:
        """Start those that were started once.

        Raises:
            StoreFailed: one does not start.
        """
        for server in self.servers:
            if server.exists:
                server.start(ids)

    def stop(self) -> None:
        for server in self.servers:
            server.stop()
