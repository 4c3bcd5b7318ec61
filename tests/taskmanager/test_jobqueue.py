"""The API's bell: what was committed is sent beside the requests, and nobody waits for a broker that is gone."""

from __future__ import annotations

import asyncio

import pytest
from tests.taskmanager.test_outbox import Broker, rows_of, want

from taskmanager import jobqueue
from taskmanager.jobqueue import Queue


class SlowBroker(Broker):
    """Takes nothing until it is let."""

    def __init__(self, room=10_000):
        super().__init__(room)
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def send(self, rows, sent):
        self.asked.set()
        await self.let.wait()
        await super().send(rows, sent)

    async def close(self):
        pass


@pytest.fixture
async def broker():
    return SlowBroker()


@pytest.fixture
async def queue(settings, database, broker, monkeypatch):
    monkeypatch.setattr(jobqueue, "Sender", lambda _: broker)
    made = Queue(settings(celery_broker_url="redis://127.0.0.1:1/0"), database)
    yield made
    broker.let.set()
    await made.close()


async def sent(database, expected):
    for _ in range(1000):
        if {key for key, row in (await rows_of(database)).items() if row.sent_at is not None} == expected:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not all of {expected} were sent")


async def test_what_is_enqueued_while_it_sends_is_sent_too(queue, broker, database):
    await want(database, "a")
    await broker.asked.wait()
    await want(database, "b", "c")
    broker.let.set()
    await sent(database, {"a", "b", "c"})
    assert len(broker.taken) == 3


async def test_more_than_one_batch_is_sent(queue, broker, database, monkeypatch):
    monkeypatch.setattr(jobqueue, "BATCH", 1)
    broker.let.set()
    await want(database, *"abc")
    await sent(database, set("abc"))


async def test_after_a_broker_that_did_not_answer_the_jobs_are_left_to_the_workers(queue, broker, database):
    broker.room = 0
    broker.let.set()
    await want(database, "a")
    await broker.asked.wait()
    async with asyncio.timeout(10):
        await asyncio.wait([queue._sending])
    broker.room, broker.asked = 10, asyncio.Event()
    await want(database, "b")
    assert queue._sending.done(), "nobody is asked again so soon"
    queue._quiet_until = 0.0
    await want(database, "c")
    await sent(database, {"a", "b", "c"})


async def test_without_a_broker_nothing_is_tried(settings, database, broker, monkeypatch):
    monkeypatch.setattr(jobqueue, "Sender", lambda _: broker)
    queue = Queue(settings(), database)
    await want(database, "a")
    assert queue._sending is None
    await queue.close()
    assert [row.sent_at for row in (await rows_of(database)).values()] == [None]
