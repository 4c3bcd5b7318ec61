from __future__ import annotations

import asyncio
import fcntl
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

from taskmanager import migrate as module
from taskmanager.db import Database
from taskmanager.migrate import Locked, migrate
from taskmanager.projects import settle
from taskmanager.schema import metadata


@pytest.fixture
async def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/x.db", pooled=False)
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
