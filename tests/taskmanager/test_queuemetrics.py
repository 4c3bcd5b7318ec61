from __future__ import annotations

import os
import threading
from collections import Counter
from datetime import timedelta

import pytest
from billiard.exceptions import WorkerLostError
from celery.exceptions import Ignore, Reject, Terminated
from sqlalchemy import text, update
from tests.taskmanager.test_outbox import want

from taskmanager.consumer import Unreadable, version_of
from taskmanager.db import now
from taskmanager.forking import ThreadDatabase
from taskmanager.jobrequest import FAILURES, outcome_of
from taskmanager.outbox import attempts
from taskmanager.outbox.models import OutboxRow
from taskmanager.queuemetrics import CloudWatch, Readings, WorkerMetrics, metric_data, queue_length, read_database
from taskmanager.settings import Settings, load_settings
from taskmanager.upkeep import LONGEST_PAUSE_SECONDS, pause_after


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"),
    [(0, 0.7, 1.0), (1, 1.0, 2.0), (1, 0.0, 1.0), (3, 1.0, 8.0), (4, 1.0, LONGEST_PAUSE_SECONDS), (9999, 0.0, 7.5)],
)
def test_the_upkeep_rests_longer_while_something_is_gone(failures, chance, seconds):
    assert pause_after(failures, chance) == seconds


HEADERS = {"task": "taskmanager.dig"}


@pytest.mark.parametrize(
    ("headers", "body", "version"),
    [
        pytest.param(HEADERS, [[], {"v": 2}, {}], 2, id="written down"),
        pytest.param(HEADERS, [[], {}, {}], 1, id="of the first release"),
        pytest.param({}, [[], {}, {}], None, id="no job"),
        pytest.param(None, [[], {}, {}], None, id="no headers"),
        pytest.param({"task": 7}, [[], {}, {}], None, id="a job that is no text"),
        pytest.param(HEADERS, {"v": 1}, None, id="no list"),
        pytest.param(HEADERS, [[1], {}, {}], None, id="arguments without names"),
        pytest.param(HEADERS, [[], [], {}], None, id="arguments that are a list"),
        pytest.param(HEADERS, [[], {}], None, id="too short"),
        pytest.param(HEADERS, [[], {"v": "2"}, {}], None, id="a version that is a text"),
        pytest.param(HEADERS, [[], {"v": True}, {}], None, id="a version that is none"),
    ],
)
def test_a_message_says_its_version_or_is_unreadable(headers, body, version):
    try:
        found = version_of(headers, body)
    except Unreadable:
        found = None
    assert found == version


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Ignore("parked"), "parked"),
        (Ignore("failed"), "failed"),
        (Reject("the worker stops", requeue=True), "put-back"),
        (Terminated(15), "put-back"),
        (WorkerLostError("killed"), "lost"),
        (ValueError("x"), "failed"),
    ],
)
def test_how_a_job_ended_is_told_by_what_it_raised(error, outcome):
    assert outcome_of(error) == outcome


async def test_the_oldest_job_is_the_one_that_is_due_longest(database):
    assert await read_database(database) == (0.0, 0)
    await want(database, "done", available_at=now() - timedelta(hours=2))
    async with database.transaction() as session:
        await session.execute(update(OutboxRow).values(done_at=now()))
        await attempts.park(session, "taskmanager.dig", "a", "{}", "no")
    await want(database, "later", available_at=now() + timedelta(hours=1))
    assert await read_database(database) == (0.0, 1), "neither what is done nor what is not due"
    await want(database, "waits", available_at=now() - timedelta(minutes=5))
    age, _ = await read_database(database)
    assert 300 <= age < 330


class Pipe:
    """A broker of which the lengths are known."""

    def pipeline(self, *, transaction):
        assert not transaction
        return self

    def llen(self, name):
        assert name == "taskmanager"

    def hlen(self, name):
        assert name == "unacked"

    def execute(self):
        return [40, 2]


def test_a_queue_is_as_long_as_what_waits_and_what_is_not_acknowledged():
    assert queue_length(Pipe()) == 42  # type: ignore[arg-type]  # all that is asked of it


def sample(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def test_prometheus_sees_the_readings_and_how_jobs_ended():
    ended = Counter({("taskmanager.dig", "done"): 3})
    metrics = WorkerMetrics("v7", ended)
    metrics.show(Readings(queue_length=42, oldest_age_seconds=1.5, parked=1))
    ended["taskmanager.dig", "failed"] += 1
    assert sample(metrics, "celery_queue_length") == 42
    assert sample(metrics, "celery_oldest_message_age_seconds") == 1.5
    assert sample(metrics, "celery_parked_jobs") == 1
    assert sample(metrics, "celery_jobs_total", job="taskmanager.dig", outcome="done") == 3
    assert sample(metrics, "celery_jobs_total", job="taskmanager.dig", outcome="failed") == 1
    metrics.show(Readings())
    unknown = sample(metrics, "celery_queue_length")
    assert unknown != unknown, "not a number: nobody knows"  # noqa: PLR0124
    metrics.count_lost(2)
    assert sample(metrics, "celery_messages_sent_again") == 2


def test_cloudwatch_is_told_what_is_known_without_dimensions():
    data = metric_data(Readings(queue_length=0, parked=2), failures=1)
    assert data == [
        {"MetricName": "celery_queue_length", "Value": 0.0, "Unit": "Count"},
        {"MetricName": "celery_parked_jobs", "Value": 2.0, "Unit": "Count"},
        {"MetricName": "celery_job_failures", "Value": 1.0, "Unit": "Count"},
    ]


class Client:
    """Takes metrics, or not."""

    def __init__(self):
        self.took, self.answers = [], True

    def put_metric_data(self, **request):
        if not self.answers:
            raise OSError("no route")
        self.took.append(request)


def failures_in(request):
    [value] = [item["Value"] for item in request["MetricData"] if item["MetricName"] == "celery_job_failures"]
    return value


def test_failures_are_told_once_and_not_forgotten_when_nobody_listens():
    client, ended = Client(), Counter({("dig", "failed"): 2, ("dig", "parked"): 1, ("dig", "done"): 9})
    cloudwatch = CloudWatch(ended, FAILURES, client)
    cloudwatch.publish(Readings(queue_length=1))
    ended["dig", "lost"] += 1
    client.answers = False
    with pytest.raises(OSError, match="no route"):
        cloudwatch.publish(Readings())
    client.answers = True
    ended["dig", "timeout"] += 1
    cloudwatch.publish(Readings())
    cloudwatch.publish(Readings())
    assert [failures_in(request) for request in client.took] == [3.0, 2.0, 0.0]
    assert {request["Namespace"] for request in client.took} == {"TaskManager"}


@pytest.mark.parametrize(
    ("variables", "publishes"),
    [
        pytest.param({}, False, id="a laptop"),
        pytest.param({"AWS_REGION": "us-east-1"}, True, id="Fargate names its region"),
        pytest.param({"AWS_DEFAULT_REGION": "us-east-1"}, True, id="or the usual variable"),
        pytest.param({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, True, id="an engine"),
        pytest.param({"AWS_REGION": "us-east-1", "CLOUDWATCH_METRICS": "false"}, False, id="it is told not to"),
        pytest.param({"CLOUDWATCH_METRICS": "true"}, True, id="it is told to"),
    ],
)
def test_who_publishes_to_cloudwatch(monkeypatch, variables, publishes):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in ({"ENVIRONMENT": "test"} | variables).items():
        monkeypatch.setenv(name, value)
    assert load_settings().publishes_to_cloudwatch is publishes


async def test_a_fork_waits_until_the_thread_has_closed_sqlite(tmp_path):
    database = ThreadDatabase(f"sqlite:///{tmp_path}/x.db")
    forked, held = threading.Event(), []

    def fork():
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        held.append(database._no_fork.locked())
        forked.set()

    thread = threading.Thread(target=fork)
    async with database.read() as connection:
        await connection.execute(text("SELECT 1"))
        thread.start()
        assert not forked.wait(0.2)
    assert forked.wait(10)
    thread.join()
    assert held == [False]
    await database.close()
