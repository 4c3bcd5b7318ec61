from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import text
from tests.ports import free_port
from tests.taskmanager.calls import Person
from tests.taskmanager.mariadb import WHY_NOT, MariaDB
from tests.taskmanager.processes import KEY, Process

from taskmanager.db import Database
from taskmanager.main import create_api, create_app
from taskmanager.migrate import migrate
from taskmanager.schema import metadata
from taskmanager.settings import Settings
from taskmanager.users import passwords

if TYPE_CHECKING:
    from fastapi import FastAPI


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


def pytest_generate_tests(metafunc):
    """Each test of a database runs on both: on SQLite always, on a real MariaDB when slow tests do.

    A test of processes is slow anyway: it runs on SQLite, unless it asks for the other.
    """
    if "database_url" not in metafunc.fixturenames:
        return
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    kinds: list[object] = [] if "mariadb_only" in marks else ["sqlite"]
    if "mariadb_only" in marks or not marks & {"sqlite_only", "slow", "campaign"}:
        missing = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
        kinds.append(pytest.param("mariadb", marks=[pytest.mark.slow, missing]))
    metafunc.parametrize("database_url", kinds, indirect=True)


@pytest.fixture(scope="session")
def mariadb():
    """A server for the whole session."""
    server = MariaDB()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def mariadb_url(mariadb):
    """A database with the newest schema; whoever uses it deletes all rows."""

    async def make():
        await create_database(mariadb, "taskmanager")
        database = Database(mariadb.url("taskmanager"), pooled=False)
        await migrate(database)
        await database.close()

    asyncio.run(make())
    return mariadb.url("taskmanager")


async def create_database(server, name):
    database = Database(server.url("mysql"), pooled=False)
    async with database.raw_writer() as connection:
        await connection.execute(text(f"CREATE DATABASE `{name}`"))
    await database.close()


async def delete_rows(url):
    database = Database(url, pooled=False)
    async with database.transaction() as session:
        for table in reversed(metadata.sorted_tables):
            await session.execute(table.delete())
    await database.close()


@pytest.fixture
def database_url(request, tmp_path):
    """The URL of an empty database, in SQLite or in MariaDB (see `pytest_generate_tests`)."""
    if request.param == "mariadb":
        url = request.getfixturevalue("mariadb_url")
        asyncio.run(delete_rows(url))
        return url
    path = tmp_path / "taskmanager.db"
    shutil.copy(request.getfixturevalue("empty_database"), path)
    return f"sqlite:///{path}"


@pytest.fixture
async def database(database_url):
    """The database in this process."""
    made = Database(database_url)
    yield made
    await made.close()


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
