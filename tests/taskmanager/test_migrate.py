from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from tests.taskmanager.conftest import create_database
from tests.taskmanager.mariadb import WHY_NOT

from taskmanager import migrate as module
from taskmanager.db import Database
from taskmanager.migrate import Locked, migrate, waited_in_vain
from taskmanager.projects import settle
from taskmanager.schema import metadata

NUMBERS = itertools.count(1)


@pytest.fixture
async def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/x.db", pooled=False)
    yield made
    await made.close()


@pytest.fixture
async def mysql(mariadb):
    """An empty database of the server."""
    name = f"migrate_{next(NUMBERS)}"
    await create_database(mariadb, name)
    made = Database(mariadb.url(name), pooled=False)
    yield made
    await made.close()


def newest():
    config = Config()
    config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
    return ScriptDirectory.from_config(config).get_current_head()


async def schema_differences(database):
    def compare(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.raw_writer() as connection:
        return await connection.run_sync(compare)


async def test_migrations_make_the_schema_of_the_program(database):
    assert await migrate(database) == (None, newest())

    assert await schema_differences(database) == []


async def test_migrations_can_be_run_again(database):
    await migrate(database)
    assert await migrate(database) == (newest(), newest())


async def test_a_run_that_was_killed_between_statement_and_record_is_run_again(database, tmp_path):
    await migrate(database)
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001_users'")
        connection.execute("DROP INDEX ix_exports_project_id_id")
    connection.close()
    assert await migrate(database) == ("0001_users", newest())
    assert await schema_differences(database) == []


async def test_an_older_release_leaves_a_newer_schema_alone(database):
    await migrate(database)
    async with database.raw_writer() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999_later'"))
        await connection.commit()
    assert await migrate(database) == ("9999_later", "9999_later")


async def test_two_runs_exclude_each_other(database, tmp_path):
    await migrate(database)
    descriptor = os.open(tmp_path / "x.db.migrating", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(Locked):
        await migrate(database, lock_seconds=0)
    waiting = asyncio.create_task(migrate(database, lock_seconds=30))
    os.close(descriptor)
    assert await waiting == (newest(), newest())


async def test_a_database_that_is_in_use_is_tried_again(database, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LONGEST_PAUSE_SECONDS", 0.01)
    real, calls = module._upgrade, []

    def locked_twice(connection):
        calls.append(1)
        if len(calls) <= 2:
            raise OperationalError("ALTER", {}, sqlite3.OperationalError("database is locked"))
        return real(connection)

    monkeypatch.setattr(module, "_upgrade", locked_twice)
    assert await migrate(database) == (None, newest())
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        pytest.param(sqlite3.OperationalError("database is locked"), True, id="SQLite, in use"),
        pytest.param(sqlite3.OperationalError("no such table"), False, id="SQLite, something else"),
        pytest.param(Exception(1205, "Lock wait timeout exceeded"), True, id="MySQL, waited in vain"),
        pytest.param(Exception(1213, "Deadlock found"), True, id="MySQL, a deadlock"),
        pytest.param(Exception(1846, "ALGORITHM=INSTANT is not supported"), False, id="MySQL, refused"),
        pytest.param(Exception(), False, id="nobody knows"),
    ],
)
def test_what_is_tried_again(cause, expected):
    assert waited_in_vain(OperationalError("x", {}, cause)) is expected


async def test_the_group_may_write_what_sqlite_makes(tmp_path):
    before = os.umask(0o022)
    try:
        database = Database(f"sqlite:///{tmp_path}/shared.db")
        await migrate(database)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        await database.close()
    finally:
        os.umask(before)
    assert {"shared.db", "shared.db-wal", "shared.db-shm", "shared.db.migrating"} == set(modes)
    assert all(mode & 0o060 == 0o060 for mode in modes.values()), modes


async def test_rows_of_an_older_release_get_keys_and_numbers(database, tmp_path, monkeypatch):
    monkeypatch.setattr(settle, "BATCH", 2)
    await migrate(database)
    moment = "2026-01-01 00:00:00.000000"
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute(
            f"INSERT INTO users (id, email, name, password_hash, created_at) VALUES (1, 'a@b.cd', 'Ann', 'x', '{moment}')"
        )
        for project in (1, 2):
            connection.execute(
                "INSERT INTO projects (id, owner_id, name, description, created_at, updated_at)"
                f" VALUES ({project}, 1, 'Garden', '', '{moment}', '{moment}')"
            )
        for number in range(7):
            connection.execute(
                "INSERT INTO tasks (owner_id, project_id, title, description, status, priority, created_at, updated_at)"
                f" VALUES (1, {number % 2 + 1}, 't', '', 'todo', 2, '{moment}', '{moment}')"
            )
    connection.close()
    await migrate(database)
    async with database.read() as reader:
        projects = (await reader.execute(text("SELECT `key`, task_counter FROM projects ORDER BY id"))).all()
        tasks = (await reader.execute(text("SELECT project_id, number FROM tasks ORDER BY id"))).all()
    assert [tuple(row) for row in projects] == [("GAR", 4), ("GAR2", 3)]
    assert [tuple(row) for row in tasks] == [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (2, 3), (1, 4)]


# -- on a real MariaDB -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
class TestMariaDB:
    """What only a server shows: its locks, and what it can do to a table in use."""

    async def test_migrations_make_the_schema_of_the_program(self, mysql):
        assert await migrate(mysql) == (None, newest())
        assert await schema_differences(mysql) == []
        assert await migrate(mysql) == (newest(), newest())

    async def test_a_run_that_was_killed_between_statement_and_record_is_run_again(self, mysql):
        await migrate(mysql)
        async with mysql.raw_writer() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '0001_users'"))
            await connection.execute(text("DROP INDEX ix_outbox_done_at_available_at ON outbox"))
            await connection.execute(text("ALTER TABLE exports DROP COLUMN task_count"))
            await connection.commit()
        assert await migrate(mysql) == ("0001_users", newest())
        assert await schema_differences(mysql) == []

    async def test_two_runs_exclude_each_other(self, mysql):
        async with mysql.raw_writer() as connection:
            await connection.execute(text("SELECT GET_LOCK('tm_migrate', 0)"))
            with pytest.raises(Locked):
                await migrate(mysql, lock_seconds=0)
        assert await migrate(mysql) == (None, newest())

    async def test_a_table_in_use_is_waited_for_a_little_at_a_time(self, mysql, monkeypatch):
        monkeypatch.setattr(module, "_MYSQL_LOCK_WAIT_SECONDS", 1)
        monkeypatch.setattr(module, "_LONGEST_PAUSE_SECONDS", 0.1)
        failures, failed = [], asyncio.Event()
        real = module.waited_in_vain

        def noted(error):
            failures.append(error.orig.args[0])
            failed.set()
            return real(error)

        monkeypatch.setattr(module, "waited_in_vain", noted)
        await migrate(mysql)
        async with mysql.raw_writer() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '0023_reminders'"))
            await connection.execute(text("ALTER TABLE exports DROP COLUMN format"))
            await connection.commit()
        async with mysql.raw_writer() as holder:
            # somebody reads in a long transaction: the table cannot be altered
            await holder.execute(text("SELECT * FROM exports"))
            running = asyncio.create_task(migrate(mysql))
            async with asyncio.timeout(30):
                await failed.wait()
            assert not running.done()
            await holder.rollback()
            assert await running == ("0023_reminders", newest())
        assert set(failures) == {1205}
        assert await schema_differences(mysql) == []
