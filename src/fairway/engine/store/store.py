"""The engine's state: read from memory, written through to one SQLite file.

Theory of operation. Everything happens in one thread. Entities are frozen values in dictionaries; a transaction changes
the dictionaries at once and keeps an undo list. When it ends, the changed entities go to SQLite (WAL) in one
transaction *before* anybody is told; if that fails the undo list is played back and `StoreUnavailable` is raised, so
that memory and file never differ. Nothing may be awaited inside a transaction. After a commit the listeners get the
list of changes: that is how controllers learn what to look at.

WAL with synchronous=NORMAL survives `kill -9` of the engine at any instant; a power failure may lose the last moments.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from fairway.engine.store.tables import Table

T = TypeVar("T")

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entities (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (kind, key)
);

"""
_UPSERT: Final = (
    "INSERT INTO entities (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)


class StoreUnavailable(Exception):
    """The file cannot be written (disk full, locked, gone); the change was not made."""


class StoreUnreadable(Exception):
    """The file is not one that this version can read."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entity before and after a transaction; None where it did not, or does not, exist."""

    table: Table[Any]
    key: str
    before: Any
    after: Any


class Store:
    """All entities of the engine. `path` None: memory only, for the simulation."""

    def __init__(self, tables: Iterable[Table[Any]], path: Path | None = None) -> None:
        self._tables = {table.name: table for table in tables}
        self._rows: dict[str, dict[str, Any]] = {name: {} for name in self._tables}
        self._index: dict[tuple[str, str], dict[str, dict[str, None]]] = {
            (table.name, index): {} for table in self._tables.values() for index in table.indexes
        }
        self._listeners: list[Callable[[list[Change]], None]] = []
        self._open: dict[tuple[str, str], Any] | None = None
        self.version = 0
        self._connection = self._connect(path) if path is not None else None

    # -- reading ---------------------------------------------------------------------------------------------------

    def get(self, table: Table[T], key: str) -> T | None:
        entity: T | None = self._rows[table.name].get(key)
        return entity

    def all(self, table: Table[T]) -> list[T]:
        """All entities of a table, in the order of their first appearance."""
        return list(self._rows[table.name].values())

    def find(self, table: Table[T], index: str, value: str) -> list[T]:
        """The entities whose index has this value, oldest first."""
        rows = self._rows[table.name]
        return [rows[key] for key in self._index[table.name, index].get(value, ())]

    def count(self, table: Table[T]) -> int:
        return len(self._rows[table.name])

    # -- writing ---------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Change several entities at once or none.

        Raises:
            StoreUnavailable: the file did not take it; nothing was changed.
        """
        if self._open is not None:
            raise RuntimeError("a transaction is open already")
        self._open = {}
        try:
            yield Transaction(self)
            changes = self._changes()
            self._write(changes)
        except BaseException:
            self._undo()
            raise
        finally:
            self._open = None
        if changes:
            self.version += 1
            for listener in self._listeners:
                listener(changes)

    def subscribe(self, listener: Callable[[list[Change]], None]) -> None:
        """Call `listener` with the changes after each commit."""
        self._listeners.append(listener)

    def clear(self) -> None:
        """Forget every entity, in one transaction of the file."""
        with self.transaction() as tx:
            for table in self._tables.values():
                for key in list(self._rows[table.name]):
                    tx.delete(table, key)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- inside ----------------------------------------------------------------------------------------------------

    def _set(self, table: Table[T], key: str, entity: T | None) -> None:
        if self._open is None:
            raise RuntimeError("entities are changed inside a transaction")
        before = self._rows[table.name].get(key)
        if before is entity or before == entity:
            return
        self._open.setdefault((table.name, key), before)
        self._place(table, key, before, entity)

    def _place(self, table: Table[Any], key: str, before: Any, after: Any) -> None:
        rows = self._rows[table.name]
        if after is None:
            rows.pop(key, None)
        else:
            rows[key] = after
        for index, value_of in table.indexes.items():
            entries = self._index[table.name, index]
            old = None if before is None else value_of(before)
            new = None if after is None else value_of(after)
            if old == new:
                continue
            if old is not None:
                keys = entries[old]
                del keys[key]
                if not keys:
                    del entries[old]
            if new is not None:
                entries.setdefault(new, {})[key] = None

    def _changes(self) -> list[Change]:
        assert self._open is not None
        changes = []
        for (name, key), before in self._open.items():
            after = self._rows[name].get(key)
            if before != after:
                changes.append(Change(self._tables[name], key, before, after))
        return changes

    def _undo(self) -> None:
        assert self._open is not None
        for (name, key), before in self._open.items():
            self._place(self._tables[name], key, self._rows[name].get(key), before)

    def _write(self, changes: list[Change]) -> None:
        if self._connection is None or not changes:
            return
        puts = [(c.table.name, c.key, msgspec.json.encode(c.after)) for c in changes if c.after is not None]
        deletes = [(c.table.name, c.key) for c in changes if c.after is None]
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(_UPSERT, puts)
                self._connection.executemany("DELETE FROM entities WHERE kind = ? AND key = ?", deletes)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the engine's state file was not written: {error}") from error

    def _connect(self, path: Path) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(path, isolation_level=None, timeout=2.0)
            path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in {0, _SCHEMA_VERSION}:
                raise StoreUnreadable(f"{path} was written by another version of Fairway (schema {version})")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            for kind, key, body in connection.execute("SELECT kind, key, body FROM entities ORDER BY seq"):
                table = self._tables.get(kind)
                if table is None:
                    raise StoreUnreadable(f"{path} holds entities of an unknown kind: {kind}")
                self._place(table, key, None, msgspec.json.decode(body, type=table.type))
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise StoreUnreadable(f"{path}: {error}") from error
        return connection


class Transaction:
    """Writes of one transaction; what is put is seen by every read at once."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, table: Table[T], entity: T) -> T:
        self._store._set(table, table.key(entity), entity)  # noqa: SLF001 - the two are one
        return entity

    def delete(self, table: Table[T], key: str) -> None:
        self._store._set(table, key, None)  # noqa: SLF001
