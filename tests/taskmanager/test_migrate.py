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
