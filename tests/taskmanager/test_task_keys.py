"""The foreign keys of tasks come to a table with rows, some of which name what is gone."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from tests.taskmanager.conftest import create_database
from tests.taskmanager.mariadb import WHY_NOT
from tests.taskmanager.test_migrate import schema_differences

from taskmanager import migrate as module
from taskmanager.db import Database
from taskmanager.migrate import migrate
from taskmanager.migrations import steps

MOMENT = "2026-01-01 00:00:00.000000"
BEFORE = "0024_export_parts"
NUMBERS = itertools.count(1)
KINDS = [
    "sqlite",
    pytest.param("mariadb", marks=[pytest.mark.slow, pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]),
]


@pytest.fixture(params=KINDS)
async def database(request, tmp_path):
    """An empty database."""
    url = f"sqlite:///{tmp_path}/x.db"
    if request.param == "mariadb":
        server, name = request.getfixturevalue("mariadb"), f"keys_{next(NUMBERS)}"
        await create_database(server, name)
        url = server.url(name)
    made = Database(url, pooled=False)
    yield made
    await made.close()


async def back_to(database, revision):
    def down(connection):
        config = Config()
        config.set_main_option("script_location", str(Path(module.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()

    async with database.raw_writer() as connection:
        await connection.run_sync(down)


async def do(database, *statements):
    async with database.raw_writer() as connection:
        for statement in statements:
            await connection.execute(text(statement))
        await connection.commit()


async def rows(database, query):
    async with database.read() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


def user(number):
    columns = "id, email, name, password_hash, created_at"
    return f"INSERT INTO users ({columns}) VALUES ({number}, 'u{number}@b.cd', 'U', 'x', '{MOMENT}')"


PROJECT = (
    "INSERT INTO projects (id, owner_id, name, description, created_at, updated_at)"
    f" VALUES (1, 1, 'Garden', '', '{MOMENT}', '{MOMENT}')"
)


def task(number, *, assignee="NULL", parent="NULL"):
    columns = (
        "id, owner_id, project_id, title, description, status, priority, created_at, updated_at, assignee_id, parent_id"
    )
    values = f"{number}, 1, 1, 't', '', 'todo', 2, '{MOMENT}', '{MOMENT}', {assignee}, {parent}"
    return f"INSERT INTO tasks ({columns}) VALUES ({values})"


COMMENT = (
    "INSERT INTO comments (id, task_id, author_id, body, created_at, updated_at)"
    f" VALUES (1, 1, 1, 'hm', '{MOMENT}', '{MOMENT}')"
)
NAMES = "SELECT id, assignee_id, parent_id FROM tasks ORDER BY id"


async def test_what_is_gone_is_forgotten_and_all_else_stays(database, monkeypatch):
    monkeypatch.setattr(steps, "_BATCH", 2)
    await migrate(database)
    await back_to(database, BEFORE)
    orphans = [task(number, assignee=90 + number, parent=80) for number in range(4, 9)]
    await do(database, user(1), user(2), PROJECT, task(1, assignee=2), task(2, parent=1), task(3), *orphans, COMMENT)
    await migrate(database)
    expected = [(1, 2, None), (2, None, 1), (3, None, None), *((number, None, None) for number in range(4, 9))]
    assert await rows(database, NAMES) == expected
    assert await rows(database, "SELECT id, task_id FROM comments") == [(1, 1)]
    assert await schema_differences(database) == []


async def test_the_database_lets_nobody_name_what_is_not_there(database):
    await migrate(database)
    await do(database, user(1), user(2), PROJECT, task(1, assignee=2), task(2, parent=1, assignee=1))
    for wrong in (task(3, assignee=99), task(3, parent=99), "UPDATE tasks SET parent_id = 99 WHERE id = 1"):
        with pytest.raises(IntegrityError):
            await do(database, wrong)
    await do(database, "DELETE FROM users WHERE id = 2", "DELETE FROM tasks WHERE id = 1")
    assert await rows(database, NAMES) == [(2, 1, None)]
    await do(database, "DELETE FROM projects WHERE id = 1")
    assert await rows(database, NAMES) == []


@pytest.mark.parametrize("revision", [BEFORE, "0025_task_orphans", "0026_task_assignee_key"])
async def test_there_and_back_from_each_revision(database, revision):
    await migrate(database)
    await back_to(database, revision)
    await do(database, user(1), PROJECT, task(1, assignee=1), task(2, parent=1))
    assert (await migrate(database))[0] == revision
    assert await schema_differences(database) == []
    assert await rows(database, NAMES) == [(1, 1, None), (2, None, 1)]


async def test_a_run_that_was_killed_after_the_statement_is_run_again(database):
    await migrate(database)
    await do(database, f"UPDATE alembic_version SET version_num = '{BEFORE}'")
    assert (await migrate(database))[0] == BEFORE
    assert await schema_differences(database) == []
