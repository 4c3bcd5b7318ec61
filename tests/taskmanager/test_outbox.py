from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from tests.engine.loadbalancer.waiting import until

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager.db import now
from taskmanager.jobnames import PURGE, WRITE_EXPORT
from taskmanager.jobqueue import QueueUnavailable
from taskmanager.outbox import relay as relays
from taskmanager.outbox import service
from taskmanager.outbox.models import OutboxJob
from taskmanager.outbox.relay import Relay, pause_seconds
from taskmanager.outbox.service import cancel, claim, enqueue, mark_done, mark_sent, purge, put_back


class FakeQueue:
    """A queue that takes so many jobs, and none after that."""

    def __init__(self, takes=10_000):
        self.takes, self.sent, self.loaded = takes, [], 0

    async def load(self):
        self.loaded += 1

    async def send(self, name, key, payload):
        if len(self.sent) >= self.takes:
            raise QueueUnavailable("ConnectionRefusedError")
        self.sent.append((name, key, dict(payload)))

    @property
    def keys(self):
        return [key for _, key, _ in self.sent]


async def put(database, *keys, **options):
    async with database.transaction() as session:
        return [await enqueue(session, "taskmanager.x", key, {"key": key}, **options) for key in keys]


async def waiting(database):
    async with database.read() as connection:
        query = select(OutboxJob.key).where(OutboxJob.sent_at.is_(None)).order_by(OutboxJob.id)
        return list((await connection.execute(query)).scalars())


async def test_what_is_wanted_twice_is_there_once(database):
    assert await put(database, "a", "b", "a") == [True, True, False]
    assert await put(database, "a") == [False]
    assert await waiting(database) == ["a", "b"]


async def test_what_is_undone_wants_nothing(database):
    async def fail():
        async with database.transaction() as session:
            await enqueue(session, "taskmanager.x", "a", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await waiting(database) == []


async def test_a_job_is_claimed_by_one_alone(database):
    await put(database, *(f"k{number}" for number in range(30)))
    found = await asyncio.gather(*(claim(database) for _ in range(4)))
    keys = [job.key for jobs in found for job in jobs]
    assert sorted(keys) == sorted(f"k{number}" for number in range(30))


async def test_what_is_not_sent_is_claimed_again(database, monkeypatch):
    await put(database, "a", "b")
    jobs = await claim(database)
    assert await claim(database) == []
    await mark_sent(database, jobs[:1])
    await put_back(database, jobs[1:])
    assert [job.key for job in await claim(database)] == ["b"]
    # and who claimed it dies
    monkeypatch.setattr(service, "now", lambda: now() + service.LEASE + timedelta(seconds=1))
    assert [job.key for job in await claim(database)] == ["b"]


async def test_a_job_waits_for_its_time(database, monkeypatch):
    await put(database, "later", due_at=now() + timedelta(hours=1))
    await put(database, "past", due_at=now() - timedelta(hours=1))
    assert [job.key for job in await claim(database)] == ["past"]
    monkeypatch.setattr(service, "now", lambda: now() + timedelta(hours=1, seconds=1))
    assert "later" in [job.key for job in await claim(database)]


async def test_what_is_cancelled_is_not_sent(database):
    await put(database, "a", "b")
    async with database.transaction() as session:
        await cancel(session, ["a", "unknown"])
    assert [job.key for job in await claim(database)] == ["b"]


async def test_a_queue_that_lost_its_memory_gets_again_what_is_not_done(database, monkeypatch):
    await put(database, "done", "lost")
    await mark_sent(database, await claim(database))
    async with database.transaction() as session:
        await mark_done(session, "done")
    assert await claim(database) == []
    monkeypatch.setattr(service, "now", lambda: now() + service.RESENT_AFTER + timedelta(seconds=1))
    assert [job.key for job in await claim(database)] == ["lost"]


async def test_old_jobs_are_forgotten_and_their_keys_free(database):
    await put(database, "old", "new", "waiting")
    jobs = await claim(database)
    await mark_sent(database, jobs)
    async with database.transaction() as session:
        for key in ("old", "new"):
            await mark_done(session, key)
        old = update(OutboxJob).where(OutboxJob.key == "old")
        await session.execute(old.values(done_at=now() - service.KEPT - timedelta(minutes=1)))
        await purge(session)
    assert await put(database, "old", "new", "waiting") == [True, False, False]


async def test_the_relay_sends_in_order_and_marks(database):
    await put(database, "a", "b", "c")
    queue = FakeQueue()
    assert await Relay(database, queue).relay() == 3
    assert queue.sent == [("taskmanager.x", key, {"key": key}) for key in "abc"]
    assert await waiting(database) == []
    assert await Relay(database, queue).relay() == 0


async def test_while_the_queue_is_away_nothing_is_lost(database):
    await put(database, "a", "b", "c")
    queue = FakeQueue(takes=1)
    relay = Relay(database, queue)
    with pytest.raises(QueueUnavailable):
        await relay.relay()
    assert await waiting(database) == ["b", "c"]
    queue.takes = 10
    await relay.relay()
    assert queue.keys == ["a", "b", "c"]


async def test_a_running_relay_takes_up_again_what_waited(database, monkeypatch):
    monkeypatch.setattr(relays, "POLL_SECONDS", 0.01)
    await put(database, "a")
    queue = FakeQueue(takes=0)
    relay = Relay(database, queue)
    relay.start()
    await until(lambda: relay._failures)
    queue.takes = 10
    await until(lambda: "a" in queue.keys)
    await put(database, "b")
    relay.wake()
    await until(lambda: "b" in queue.keys)
    await until(lambda: queue.loaded == 1)
    await relay.close()
    assert await waiting(database) == []


async def test_periodic_work_is_enqueued_once_an_hour_by_all_relays_together(database):
    queue = FakeQueue()
    for relay in (Relay(database, queue), Relay(database, queue)):
        for _ in range(2):
            assert await relay._look() in {0, 1}
    assert [name for name, _, _ in queue.sent] == [PURGE]
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(OutboxJob))).scalar_one() == 1


@pytest.mark.parametrize(
    ("failures", "chance", "expected"),
    [(0, 1.0, 1.0), (0, 0.0, 0.5), (1, 1.0, 2.0), (3, 1.0, 8.0), (4, 1.0, 15.0), (1_000, 0.0, 7.5)],
)
def test_pauses_grow_to_a_bound(failures, chance, expected):
    assert pause_seconds(failures, chance) == expected


async def test_an_export_is_accepted_while_there_is_no_queue(client, person, database):
    ann = await person()
    project = await ann.project()
    export = await ann.make(f"/projects/{project['id']}/export", {}, status=202)
    assert export["state"] == "queued"
    assert (await ann.read(f"/exports/{export['id']}"))["state"] == "queued"
    queue = FakeQueue()
    await Relay(database, queue).relay()
    assert (WRITE_EXPORT, f"export-{export['id']}", {"export_id": int(export["id"])}) in queue.sent


async def test_whoever_enqueues_wakes_the_relay_after_the_commit(start, settings, monkeypatch):
    woken = []
    monkeypatch.setattr(Relay, "wake", lambda _self: woken.append(True))
    client = await start()
    credentials = {"email": "a@b.cd", "password": "correct horse"}
    await client.post("/users", json={**credentials, "name": "Ann"})
    token = (await client.post("/login", json=credentials)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    project = (await client.post("/projects", json={"name": "G"}, headers=headers)).json()
    assert woken == []
    await client.post(f"/projects/{project['id']}/export", headers=headers)
    assert woken == [True]
