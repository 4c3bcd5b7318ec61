from __future__ import annotations

import asyncio
import math
import sys
from collections import Counter
from datetime import timedelta

import pytest
from tests.ports import free_port
from tests.taskmanager.test_outbox import rows_of, want
from tests.taskmanager.test_queuemetrics import Client, sample

from taskmanager.db import now
from taskmanager.jobrequest import FAILURES
from taskmanager.queuemetrics import CloudWatch, Readings
from taskmanager.upkeep import Upkeep


@pytest.fixture
async def begin(settings, database):
    """Makes the upkeep of workers whose broker is gone; the thread is not started, its rounds are called."""
    made: list[Upkeep] = []

    def build(name="w1", client=None):
        upkeep = Upkeep(settings(celery_broker_url=f"redis://127.0.0.1:{free_port()}/0"))
        upkeep._holder = name
        if client is not None:
            upkeep._cloudwatch = CloudWatch(Counter(), FAILURES, client)
        made.append(upkeep)
        return upkeep

    yield build
    for upkeep in made:
        if upkeep._publishing is not None:
            await upkeep._publishing
        await upkeep._sender.close()
        await upkeep._database.close()
        upkeep._redis.close()


async def test_while_the_broker_is_gone_the_age_of_the_oldest_job_is_told(begin, database):
    await want(database, "a", available_at=now() - timedelta(minutes=5))
    upkeep = begin()
    assert await upkeep._round() is False
    assert upkeep._failures == 1
    assert 300 <= sample(upkeep._metrics, "celery_oldest_message_age_seconds") < 330
    assert math.isnan(sample(upkeep._metrics, "celery_queue_length"))
    assert (await rows_of(database))["a"].sent_at is None
    await upkeep._round()
    assert upkeep._failures == 2


async def test_without_anything_to_send_a_broker_that_is_gone_is_no_failure(begin):
    upkeep = begin()
    upkeep._failures = 3
    assert await upkeep._round() is False
    assert upkeep._failures == 0


async def test_one_worker_tells_of_the_queue_and_each_of_its_failures(begin):
    clients = [Client(), Client()]
    for name, client in zip(("w1", "w2"), clients, strict=True):
        upkeep = begin(name, client)
        await upkeep._round()
        await upkeep._publishing
    told = [{item["MetricName"] for item in client.took[0]["MetricData"]} for client in clients]
    assert told == [
        {"celery_oldest_message_age_seconds", "celery_parked_jobs", "celery_job_failures"},
        {"celery_job_failures"},
    ]


async def test_a_cloudwatch_that_does_not_answer_harms_nothing(begin, monkeypatch):
    client = Client()
    client.answers = False
    upkeep = begin(client=client)
    await upkeep._round()
    await upkeep._publishing
    assert upkeep._failures == 0
    monkeypatch.setitem(sys.modules, "boto3", None)
    await upkeep._publish_now(CloudWatch(Counter(), FAILURES), Readings())
    assert upkeep._cloudwatch is None, "what is not installed is not looked for each minute"


async def test_a_database_that_is_gone_ends_no_upkeep(begin, monkeypatch):
    upkeep = begin()

    async def refuse(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr("taskmanager.upkeep.relay", refuse)
    monkeypatch.setattr("taskmanager.upkeep.read_database", refuse)
    assert await upkeep._round() is False
    assert upkeep._failures == 1


async def test_the_thread_begins_and_ends(begin):
    upkeep = begin()
    upkeep.start()
    await asyncio.to_thread(upkeep.stop)
    assert not upkeep.is_alive()
