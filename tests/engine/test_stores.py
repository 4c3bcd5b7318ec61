from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path

import pymysql
import pytest
import redis
from tests.ports import free_port
from tests.taskmanager.mariadb import WHY_NOT

from fairway.clock import sleep
from fairway.engine.directory import DataDirectory
from fairway.engine.loops.store_keeping import StoreKeeping
from fairway.engine.stores import MariaDB, Stores, Valkey
from fairway.engine.stores.mariadb import USER, find_program
from fairway.engine.stores.server import lives
from fairway.ids import RandomIds

pytestmark = pytest.mark.slow
NAME = "shop"
KINDS = ["valkey", pytest.param("mariadb", marks=pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT)))]


class Cache:
    """How one speaks to Valkey."""

    def __init__(self, stores):
        self.server = stores.valkey
        self.refusal = redis.AuthenticationError

    def start(self):
        return self.server.start(RandomIds())

    def connect(self, running):
        return redis.Redis.from_url(Valkey.url(running))

    def keep(self, running):
        with self.connect(running) as client:
            client.set("kept", "yes")
            client.execute_command("WAITAOF", 1, 0, 5000)

    def kept(self, running):
        with self.connect(running) as client:
            return client.get("kept") == b"yes"

    def ask_without_password(self, running):
        with redis.Redis(port=running.port) as client:
            client.ping()


class Tables:
    """How one speaks to MariaDB."""

    def __init__(self, stores, prepared=None):
        self.server = stores.mariadb
        self.refusal = pymysql.err.OperationalError
        self._prepared = prepared

    def start(self):
        data = self.server._folder() / "data"
        if self._prepared is not None and not data.exists():
            shutil.copytree(self._prepared, data)
        return self.server.start_with(NAME, RandomIds())

    def connect(self, running, database=NAME):
        options = {"host": "127.0.0.1", "port": running.port, "user": USER, "autocommit": True, "connect_timeout": 10}
        return contextlib.closing(pymysql.connect(**options, password=running.password, database=database))

    def ask(self, running, statement, database=NAME):
        with self.connect(running, database) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def keep(self, running):
        self.ask(running, "CREATE TABLE kept (word VARCHAR(64))")
        self.ask(running, "INSERT INTO kept VALUES ('yes')")

    def kept(self, running):
        return self.ask(running, "SELECT word FROM kept") == (("yes",),)

    def ask_without_password(self, running):
        pymysql.connect(host="127.0.0.1", port=running.port, user=USER, database=NAME)


@pytest.fixture
def stores():
    folder = Path(tempfile.mkdtemp(prefix="fairway-"))  # pytest's own folders are closed to the store's user
    folder.chmod(0o755)
    directory = DataDirectory(folder / "data")
    directory.prepare()
    made = Stores(directory)
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def prepared():
    """The data folder of a MariaDB that never ran: most tests copy it, since making one takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="fairway-"))
    folder.chmod(0o755)
    (folder / "made").mkdir()
    MariaDB._prepare(find_program(), folder / "made")
    yield folder / "made" / "data"
    shutil.rmtree(folder)


@pytest.fixture(params=KINDS)
def kind(request, stores, monkeypatch):
    for server in (Valkey, MariaDB):
        # another engine on this machine may take the usual ones in the moment of a restart
        monkeypatch.setattr(server, "first_port", free_port())
    if request.param == "valkey":
        return Cache(stores)
    return Tables(stores, request.getfixturevalue("prepared"))


def kill(running):
    os.kill(running.pid, signal.SIGKILL)
    while lives(running.pid):
        sleep(0.01)


def test_a_server_keeps_port_password_and_data(kind):
    first = kind.start()
    kind.keep(first)
    assert kind.start() == first
    kind.server.stop()
    assert not lives(first.pid)
    second = kind.start()
    assert (second.port, second.password) == (first.port, first.password)
    assert kind.kept(second)


def test_a_server_asks_for_its_password_which_nobody_else_can_read(kind, stores):
    running = kind.start()
    with pytest.raises(kind.refusal):
        kind.ask_without_password(running)
    assert running.password not in repr(running)
    assert running.password.encode() not in Path(f"/proc/{running.pid}/cmdline").read_bytes()
    for path in stores._folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and running.password.encode() in path.read_bytes():
            closed = path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0
            assert closed or "data" in path.parts[-3:], path


def test_a_server_listens_on_this_machine_alone(kind):
    running = kind.start()
    wanted = f"{running.port:04X}"
    places = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert {fields[1] for fields in places if fields[1].endswith(f":{wanted}") and fields[3] == "0A"} == {
        f"0100007F:{wanted}"
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a program as another user")
def test_a_server_is_nobody_where_the_engine_is_root(kind):
    running = kind.start()
    assert Path(f"/proc/{running.pid}").stat().st_uid == 65534


def test_a_port_that_somebody_takes_meanwhile_is_left_to_them(kind, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken, chosen = other.getsockname()[1], iter([other.getsockname()[1]])
        free = kind.server.free_port
        monkeypatch.setattr(kind.server, "free_port", lambda *start: next(chosen, None) or free())
        running = kind.start()
    assert running.port != taken
    kind.keep(running)
    assert kind.kept(running)


@pytest.mark.parametrize("then", ["started again", "stopped"])
def test_one_of_which_nothing_is_written_down_is_ended(kind, then):
    first = kind.start()
    kind.server._note.unlink()
    if then == "stopped":
        kind.server.stop()
    else:
        assert kind.start().pid != first.pid
    assert not lives(first.pid)


async def test_the_engine_starts_a_killed_server_again_with_its_data(kind, caplog):
    keeping = StoreKeeping(kind.server, RandomIds())
    assert keeping.state() is None
    first = kind.start()
    kind.keep(first)
    assert await keeping.look() is None
    assert keeping.state() == "running"
    kill(first)
    assert kind.server.is_down()
    assert keeping.state() == "it has ended, and is started anew"
    with caplog.at_level(logging.INFO):
        assert await keeping.look() is None
    assert f"{kind.server.title} has ended by itself" in caplog.text
    assert first.password not in caplog.text
    assert keeping.state() == "running"
    assert kind.kept(first)


async def test_a_server_that_cannot_come_back_is_told(kind):
    keeping = StoreKeeping(kind.server, RandomIds())
    first = kind.start()
    kind.server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first.port))
        other.listen()
        assert await keeping.look() == f"port {first.port} is taken by another program"
        assert keeping.state() == f"port {first.port} is taken by another program"
    assert await keeping.look() is None
    assert keeping.state() == "running"


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_a_second_project_gets_a_database_of_its_own_and_the_first_keeps_its(stores, prepared):
    tables = Tables(stores, prepared)
    tables.keep(tables.start())
    second = stores.mariadb.start_with("other", RandomIds())
    assert tables.ask(second, "SHOW TABLES", "other") == ()
    assert tables.kept(second)
    with pytest.raises(pymysql.err.OperationalError):
        tables.ask(second, "SELECT 1", "mysql")
    assert stores.mariadb.start_with("other", RandomIds()) == second


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_data_that_were_half_made_are_made_anew(stores):
    half = stores.mariadb._folder() / "data.new"
    half.mkdir()
    (half / "ibdata1").write_text("half")
    tables = Tables(stores)
    running = tables.start()
    tables.keep(running)
    assert tables.kept(running)
    assert not half.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_the_database_folder_belongs_to_one_group(stores):
    folder = stores.database_folder(1000)
    status = folder.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1000, 1000, 0o2770)
