"""Keeps processes from being forked while a thread uses SQLite.

SQLite notes in memory which locks a process holds on a file. A child that was forked meanwhile inherits the note but not
the locks: what it then does to the same file is protected by nothing. So a fork waits until the thread has closed its
connection, which takes milliseconds. MySQL knows no such trouble, and its answers may take long: nobody waits for them.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from taskmanager.db import Database, database_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession


class ThreadDatabase(Database):
    """The database of a thread beside one that forks. One coroutine uses it at a time."""

    def __init__(self, url: str) -> None:
        # a pool would keep SQLite open; to MySQL it saves a connection a second
        super().__init__(url, pooled=database_url(url).get_backend_name() != "sqlite")
        self._no_fork = threading.Lock()
        if self.is_sqlite:
            lock = self._no_fork
            os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)

    @contextlib.asynccontextmanager
    async def transaction(self, *, without_gaps: bool = False) -> AsyncIterator[AsyncSession]:
        with self._no_fork:
            async with super().transaction(without_gaps=without_gaps) as session:
                yield session

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        with self._no_fork:
            async with super().read() as connection:
                yield connection
