from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from taskmanager.db import Database, now
from taskmanager.housekeeping import DONE_JOBS, NOTIFICATIONS, clean_up
from taskmanager.jobqueue import QueueUnavailable
from taskmanager.notifications.models import Notification
from taskmanager.notifications.service import notify
from taskmanager.outbox import leases, service
from taskmanager.outbox.models import OutboxRow, ParkedJob
from taskmanager.users.service import register

JOB = "taskmanager.dig"
SECOND = timedelta(seconds=1)


async def want(database, *keys, **options):
    async with database.transaction() as session:
        for key in keys:
            await service.enqueue(session, JOB, key, {"bed": key}, **options)


async def want_in_vain(database):
    async with database.transaction() as session:
        await service.enqueue(session, JOB, "a", {})
        raise RuntimeError


async def rows_of(database):
    table = OutboxRow.__table__
    async with database.read() as connection:
        return {row.unique_key: row for row in await connection.execute(select(table).order_by(table.c.id))}


async def change(database, **values):
    async with database.transaction() as session:
        await session.execute(update(OutboxRow).values(values))


class Broker:
    """Takes jobs, and as many as it is told before it goes away."""

    def __init__(self, room=10_000):
        self.room = room
        self.taken = []

    async def send(self, rows, sent):
        for row in rows:
            if not self.room:
                raise QueueUnavailable("gone")
            self.room -= 1
            self.taken.append((row.job, row.unique_key, row.payload))
            sent.append(row.id)


@pytest.fixture
def broker():
    return Broker()


async def test_what_is_wanted_is_sent_once_in_its_order(database, broker):
    await want(database, "a", "b")
    assert await service.relay(database, broker.send) == 2
    assert broker.taken == [(JOB, key, {"bed": key, "v": 1}) for key in "ab"]
    assert await service.relay(database, broker.send) == 0
    assert len(broker.taken) == 2


async def test_what_was_undone_was_never_wanted(database, broker):
    with pytest.raises(RuntimeError):
        await want_in_vain(database)
    assert await rows_of(database) == {}


async def test_a_second_one_with_the_same_key_does_nothing(database):
    await want(database, "a", v=2)
    await want(database, "a", "b")
    rows = await rows_of(database)
    assert {key: json.loads(row.payload)["v"] for key, row in rows.items()} == {"a": 2, "b": 1}


async def test_two_transactions_with_the_same_key_make_one_row(database):
    await asyncio.gather(*(want(database, "a") for _ in range(8)))
    assert len(await rows_of(database)) == 1


async def test_what_is_available_later_waits(database, broker):
    await want(database, "later", available_at=now() + timedelta(hours=1))
    await want(database, "now", available_at=now() - SECOND)
    await service.relay(database, broker.send)
    assert [key for _, key, _ in broker.taken] == ["now"]
    await change(database, available_at=now())
    await service.relay(database, broker.send)
    assert [key for _, key, _ in broker.taken] == ["now", "later"]


async def test_while_the_broker_is_gone_nothing_is_lost_and_nothing_is_sent_twice(database):
    broker = Broker(room=1)
    await want(database, "a", "b", "c")
    with pytest.raises(QueueUnavailable):
        await service.relay(database, broker.send)
    rows = await rows_of(database)
    assert [row.sent_at is not None for row in rows.values()] == [True, False, False]
    assert all(row.claimed_until is None for row in rows.values())
    broker.room = 10
    await service.relay(database, broker.send)
    assert [key for _, key, _ in broker.taken] == ["a", "b", "c"]


async def test_what_a_relay_that_died_had_claimed_is_sent_by_another_one_later(database, broker):
    await want(database, "a")
    assert len(await service.claim(database)) == 1
    assert await service.relay(database, broker.send) == 0
    await change(database, claimed_until=now() - SECOND)
    assert await service.relay(database, broker.send) == 1


async def test_relays_side_by_side_send_each_job_once(database, database_url, broker):
    await want(database, *(f"k{number}" for number in range(60)))
    others = [Database(database_url, pooled=False) for _ in range(3)]
    for _ in range(10):
        taken = await asyncio.gather(*(service.claim(other, 7) for other in others))
        for rows in taken:
            sent: list[int] = []
            await broker.send(rows, sent)
            await service.settle(database, sent, [])
    keys = [key for _, key, _ in broker.taken]
    assert sorted(keys) == sorted(f"k{number}" for number in range(60))


async def test_the_bell_rings_after_the_commit_of_what_was_enqueued(database):
    rung = []
    database.on_enqueued = lambda: rung.append(1)
    async with database.transaction() as session:
        await service.enqueue(session, JOB, "a", {})
        assert rung == []
    assert rung == [1]
    async with database.transaction() as session:
        await session.execute(select(OutboxRow.id))
    assert rung == [1]
    with pytest.raises(RuntimeError):
        await want_in_vain(database)
    assert rung == [1]


@pytest.mark.parametrize(
    ("sent_ago", "done", "queue_is_empty", "lost"),
    [
        pytest.param(service.UNSEEN + SECOND, False, True, 1, id="sent a while ago, and not in the queue"),
        pytest.param(service.UNSEEN - 10 * SECOND, False, True, 0, id="just sent: a worker may hold it"),
        pytest.param(service.UNSEEN + SECOND, False, False, 0, id="it may be in the queue"),
        pytest.param(service.FORGOTTEN + SECOND, False, False, 1, id="the queue is never empty"),
        pytest.param(service.FORGOTTEN + SECOND, True, True, 0, id="done"),
    ],
)
async def test_what_the_broker_lost_is_sent_again(database, broker, sent_ago, done, queue_is_empty, lost):
    await want(database, "a")
    await service.relay(database, broker.send)
    await change(database, sent_at=now() - sent_ago, done_at=now() if done else None)
    assert await service.send_lost_again(database, queue_is_empty=queue_is_empty) == lost
    assert await service.relay(database, broker.send) == lost


# -- leases, and what is deleted ---------------------------------------------------------------------------------------


async def test_of_many_one_has_the_lease_until_it_ends(database):
    async def take(holder, seconds=60):
        return await leases.take_lease(database, "sweep", holder, timedelta(seconds=seconds))

    taken = await asyncio.gather(*(take(f"w{number}") for number in range(5)))
    assert taken.count(True) == 1
    holder = f"w{taken.index(True)}"
    assert await take(holder), "it keeps it"
    assert not await take("other")
    assert await take(holder, seconds=-1)
    assert await take("other")
    assert not await take(holder)
    assert await leases.take_lease(database, "something else", holder, timedelta(seconds=60))


async def test_old_rows_are_deleted_and_young_ones_stay(database):
    await want(database, "done", "undone")
    async with database.transaction() as session:
        ann = await register(session, email="a@b.cd", name="Ann", password_hash="x")
        for key in ("old", "young"):
            await notify(session, ann.id, "reminder", key, key=key)
        await session.execute(update(OutboxRow).where(OutboxRow.unique_key == "done").values(done_at=now() - DONE_JOBS))
        old = update(Notification).where(Notification.unique_key == "old")
        await session.execute(old.values(created_at=now() - NOTIFICATIONS))
    assert await clean_up(database) == 2
    assert list(await rows_of(database)) == ["undone"]
    async with database.read() as connection:
        assert (await connection.scalars(select(Notification.unique_key))).all() == ["young"]
        assert (await connection.scalars(select(ParkedJob.id))).all() == []
