"""The store: all of a transaction or nothing, in memory as in the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from fairway.engine.store.store import Change, Store, StoreUnavailable, StoreUnreadable
from fairway.engine.store.tables import Table

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    owner: str | None = None
    text: str = ""


THINGS = Table("thing", Thing, lambda thing: thing.name, {"owner": lambda thing: thing.owner})


def open_store(path: Path | None = None) -> Store:
    return Store([THINGS], path)


def put(store: Store, *things: Thing) -> None:
    with store.transaction() as tx:
        for thing in things:
            tx.put(THINGS, thing)


def names(store: Store, owner: str) -> list[str]:
    return [thing.name for thing in store.find(THINGS, "owner", owner)]


def test_what_is_put_is_seen_at_once_and_found_by_its_index() -> None:
    store = open_store()
    with store.transaction() as tx:
        tx.put(THINGS, Thing("a", "x"))
        assert store.get(THINGS, "a") == Thing("a", "x")
        tx.put(THINGS, Thing("a", "y"))
    assert (names(store, "x"), names(store, "y"), store.count(THINGS)) == ([], ["a"], 1)


def change_and_fail(store: Store) -> None:
    with store.transaction() as tx:
        tx.put(THINGS, Thing("a", "y"))
        tx.put(THINGS, Thing("c", "x"))
        tx.delete(THINGS, "b")
        raise LookupError


def test_an_error_takes_everything_back() -> None:
    store = open_store()
    put(store, Thing("a", "x"), Thing("b", "x"))
    with pytest.raises(LookupError):
        change_and_fail(store)
    assert set(store.all(THINGS)) == {Thing("a", "x"), Thing("b", "x")}
    assert set(names(store, "x")) == {"a", "b"}
    assert names(store, "y") == []


def test_listeners_hear_of_what_really_changed() -> None:
    store = open_store()
    put(store, Thing("a"))
    heard: list[Change] = []
    store.subscribe(heard.extend)
    with store.transaction() as tx:
        tx.put(THINGS, Thing("a"))
        tx.put(THINGS, Thing("b"))
        tx.delete(THINGS, "b")
        tx.put(THINGS, Thing("c"))
    assert [(change.key, change.before, change.after) for change in heard] == [("c", None, Thing("c"))]


def test_the_file_has_what_memory_has(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.db")
    put(store, Thing("a", "x", "ü\x00🙂"), Thing("b"))
    with store.transaction() as tx:
        tx.delete(THINGS, "b")
    store.close()
    again = open_store(tmp_path / "s.db")
    assert again.all(THINGS) == [Thing("a", "x", "ü\x00🙂")]
    assert names(again, "x") == ["a"]
    assert (tmp_path / "s.db").stat().st_mode & 0o077 == 0
    again.close()


def test_a_full_disk_changes_nothing_and_passes(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.db")
    put(store, Thing("a", "x"))
    connection = store._connection
    assert connection is not None
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")  # what SQLite says of a full disk
    with pytest.raises(StoreUnavailable, match="full"):
        put(store, Thing("a", "y"), Thing("b", "x", "x" * 100_000))
    assert store.all(THINGS) == [Thing("a", "x")]
    connection.execute("PRAGMA max_page_count = 1000000")
    put(store, Thing("b", "x", "x" * 100_000))
    store.close()
    again = open_store(tmp_path / "s.db")
    assert names(again, "x") == ["a", "b"]
    again.close()


def test_a_locked_file_changes_nothing_and_passes(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.db")
    put(store, Thing("a"))
    connection = store._connection
    assert connection is not None
    connection.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            put(store, Thing("b"))
        assert store.get(THINGS, "b") is None
        intruder.execute("ROLLBACK")
    put(store, Thing("b"))
    store.close()


def test_a_file_of_another_kind_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"thesis" * 1000)
    with pytest.raises(StoreUnreadable):
        open_store(path)
    assert path.read_bytes() == b"thesis" * 1000


def test_a_file_of_a_newer_version_is_not_read(tmp_path: Path) -> None:
    open_store(tmp_path / "s.db").close()
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnreadable, match="another version"):
        open_store(tmp_path / "s.db")


def test_transactions_do_not_nest() -> None:
    store = open_store()
    with store.transaction(), pytest.raises(RuntimeError), store.transaction():
        pass
