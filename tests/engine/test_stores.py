from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path

import pytest
import redis

from fairway.clock import sleep
from fairway.engine import stores as stores_module
from fairway.engine.directory import DataDirectory
from fairway.engine.loops.store_keeping import StoreKeeping
from fairway.engine.stores import Stores
from fairway.ids import RandomIds

pytestmark = pytest.mark.slow


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


def test_valkey_keeps_port_password_and_data(stores):
    first = stores.valkey(RandomIds())
    with redis.Redis.from_url(first.url) as client:
        client.set("kept", "yes")
    assert stores.valkey(RandomIds()) == first
    stores.stop()
    with redis.Redis.from_url(first.url) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    second = stores.valkey(RandomIds())
    assert (second.port, second.password) == (first.port, first.password)
    with redis.Redis.from_url(second.url) as client:
        assert client.get("kept") == b"yes"


def test_valkey_asks_for_its_password(stores):
    running = stores.valkey(RandomIds())
    with redis.Redis(port=running.port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_a_port_that_somebody_takes_meanwhile_is_left_to_them(stores, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken, chosen = other.getsockname()[1], iter([other.getsockname()[1]])
        free = stores_module._free_port
        monkeypatch.setattr(stores_module, "_free_port", lambda *start: next(chosen, None) or free())
        running = stores.valkey(RandomIds())
    assert running.port != taken
    with redis.Redis.from_url(running.url) as client:
        assert client.ping()


@pytest.mark.parametrize("then", ["started again", "stopped"])
def test_one_of_which_nothing_is_written_down_is_ended(stores, then):
    first = stores.valkey(RandomIds())
    stores._note.unlink()
    if then == "stopped":
        stores.stop()
    else:
        assert stores.valkey(RandomIds()).pid != first.pid
    assert not stores_module._is_valkey(first.pid)


def test_a_killed_valkey_is_started_again(stores):
    first = stores.valkey(RandomIds())
    os.kill(first.pid, signal.SIGKILL)
    while Path(f"/proc/{first.pid}/stat").exists() and " Z " not in Path(f"/proc/{first.pid}/stat").read_text():
        sleep(0.01)
    assert stores.valkey(RandomIds()).pid != first.pid


async def test_the_engine_starts_a_killed_valkey_again_with_its_data(stores, caplog):
    keeping = StoreKeeping(stores, RandomIds())
    assert keeping.state() is None
    first = stores.valkey(RandomIds())
    with redis.Redis.from_url(first.url) as client:
        client.set("kept", "yes")
        client.execute_command("WAITAOF", 1, 0, 5000)
    assert await keeping.look() is None
    assert keeping.state() == "running"
    os.kill(first.pid, signal.SIGKILL)
    while not stores.is_down():
        sleep(0.01)
    assert keeping.state() == "it has ended, and is started anew"
    with caplog.at_level(logging.INFO):
        assert await keeping.look() is None
    assert "Valkey has ended by itself" in caplog.text
    assert keeping.state() == "running"
    with redis.Redis.from_url(first.url) as client:
        assert client.get("kept") == b"yes"


async def test_a_valkey_that_cannot_come_back_is_told(stores):
    keeping = StoreKeeping(stores, RandomIds())
    first = stores.valkey(RandomIds())
    stores.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first.port))
        other.listen()
        assert await keeping.look() == f"port {first.port} is taken by another program"
        assert keeping.state() == f"port {first.port} is taken by another program"
    assert await keeping.look() is None
    assert keeping.state() == "running"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_the_database_folder_belongs_to_one_group(stores):
    folder = stores.database_folder(1000)
    status = folder.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (1000, 1000, 0o2770)
