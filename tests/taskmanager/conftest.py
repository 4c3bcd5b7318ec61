from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import make_url, text
from tests.ports import free_port
from tests.taskmanager.calls import Person
from tests.taskmanager.processes import KEY, Process

from taskmanager.db import Base, Database
from taskmanager.main import create_api, create_app
from taskmanager.migrate import migrate
from taskmanager.settings import Settings
from taskmanager.users import passwords

if TYPE_CHECKING:
    from fastapi import FastAPI

MYSQL = os.environ.get("TASKMANAGER_TEST_MYSQL")
"""`mysql://USER:PASSWORD@HOST:PORT` of a server on which the tests of the API run instead of on SQLite."""


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch):
    """Hashes that take no time: nobody attacks the tests."""
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "_TIME_COST", 1)
    passwords._hasher.cache_clear()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A file with the newest schema and no rows."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"

    async def make():
        database = Database(f"sqlite:///{path}", pooled=False)
        await migrate(database)
        await database.close()

    asyncio.run(make())
    return path


async def on_mysql(url, *statements):
    database = Database(str(url), pooled=False)
    async with database.read() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await database.close()


@pytest.fixture(scope="session")
def mysql_schema():
    """The URL of a database on the server with the newest schema; gone at the end."""
    name = f"taskmanager_test_{os.getpid()}"
    assert MYSQL is not None
    server = make_url(MYSQL).render_as_string(hide_password=False)
    url = f"{server.rstrip('/')}/{name}"

    async def make():
        database = Database(url, pooled=False)
        await migrate(database)
        await database.close()

    asyncio.run(on_mysql(server, f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    asyncio.run(make())
    yield url
    asyncio.run(on_mysql(server, f"DROP DATABASE {name}"))


@pytest.fixture
def database_url(request, tmp_path):
    """A database with the newest schema and no rows."""
    if MYSQL:
        url = request.getfixturevalue("mysql_schema")
        tables = (f"DELETE FROM {table.name}" for table in Base.metadata.sorted_tables)
        asyncio.run(on_mysql(url, "SET FOREIGN_KEY_CHECKS=0", *tables))
        return url
    empty_database = request.getfixturevalue("empty_database")
    path = tmp_path / "taskmanager.db"
    shutil.copy(empty_database, path)
    return f"sqlite:///{path}"


@pytest.fixture
def settings(database_url, monkeypatch):
    """Builds settings that no variable of this machine can change."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def build(**values):
        defaults = {"environment": "test", "database_url": database_url, "jwt_secret_key": KEY, "app_version": "v7"}
        return Settings(**(defaults | values))

    return build


@pytest.fixture(scope="session")
def apis():
    """Makes the routes of so many applications once: it takes longer than most tests."""
    made: list[FastAPI] = []

    def get(number):
        while len(made) <= number:
            made.append(create_api())
        return made[number]

    return get


@pytest.fixture
async def start(settings, apis):
    """Starts the application in this process; the client speaks to it without a socket."""
    numbers = itertools.count()
    async with contextlib.AsyncExitStack() as stack:

        async def begin(lifetime=None, **values):
            app = create_app(settings(**values), lifetime, api=apis(next(numbers)))
            stack.push_async_callback(app._app.state.services.database.close)  # type: ignore[attr-defined]
            transport = httpx.ASGITransport(app=app)
            return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://api"))

        yield begin


@pytest.fixture
async def client(start):
    return await start()


@pytest.fixture
def sign_in(client):
    """Registers somebody; the headers with which they ask."""

    async def register(name="ann"):
        credentials = {"email": f"{name}@example.org", "password": "correct horse"}
        answer = await client.post("/users", json={**credentials, "name": name})
        assert answer.status_code == 201, answer.text
        answer = await client.post("/login", json=credentials)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    return register


@pytest.fixture
def person(client, sign_in):
    """Registers somebody, who then calls the API."""

    async def register(name="ann"):
        headers = await sign_in(name)
        me = (await client.get("/users/me", headers=headers)).json()
        return Person(client, headers, me["id"], me["email"])

    return register


@pytest.fixture
async def database(database_url):
    made = Database(database_url)
    yield made
    await made.close()


@pytest.fixture
def run(tmp_path, database_url):
    """Starts processes of the workload; all are gone at the end."""
    started: list[Process] = []

    def begin(module, **variables):
        defaults = {"ENVIRONMENT": "test", "DATABASE_URL": database_url, "JWT_SECRET_KEY": KEY, "APP_VERSION": "v7"}
        known = defaults | {"PORT": str(free_port()), "TMPDIR": str(tmp_path)} | variables
        process = Process(module, tmp_path / f"{len(started)}.log", {k: v for k, v in known.items() if v is not None})
        started.append(process)
        return process

    yield begin
    for process in started:
        process.popen.kill()
        process.popen.wait()
