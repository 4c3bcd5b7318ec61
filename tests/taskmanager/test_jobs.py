"""The jobs as Celery runs them, in this process and without a queue."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager import jobs
from taskmanager.db import Database
from taskmanager.jobnames import NOTIFY
from taskmanager.notifications.models import Notification
from taskmanager.notifications.service import notify
from taskmanager.outbox.models import OutboxJob
from taskmanager.parked.__main__ import main as parked
from taskmanager.parked.service import list_parked
from taskmanager.users.service import register

OUTAGE = OperationalError("SELECT 1", {}, Exception("gone"))


@pytest.fixture
def given(settings, database_url, monkeypatch):
    """The worker's settings, and a user."""
    values = settings()
    monkeypatch.setattr(jobs, "_settings", lambda: values)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ENVIRONMENT", "test")

    async def user(database):
        async with database.transaction() as session:
            return (await register(session, email="a@b.cd", name="Ann", password_hash="x")).id

    return {"key": "k", "user_id": on(database_url, user), "kind": "reminder", "text": "dig", "task_id": None}


def on(url, work):
    async def run():
        database = Database(url, pooled=False)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def rows(url, *columns):
    async def read(database):
        async with database.read() as connection:
            return [tuple(row) for row in await connection.execute(select(*columns))]

    return on(url, read)


def failing(monkeypatch, *errors):
    """`notify` fails so often, and does its work then; how often it was called."""
    calls, real = [], notify

    async def failing_notify(*arguments, **options):
        calls.append(options)
        if len(calls) <= len(errors):
            raise errors[len(calls) - 1]
        return await real(*arguments, **options)

    monkeypatch.setattr(jobs, "notify", failing_notify)
    return calls


def test_a_job_that_runs_again_has_no_second_effect(given, database_url):
    for _ in range(3):
        jobs.run_notify.apply(kwargs=given)
    assert rows(database_url, Notification.text) == [("dig",)]


def test_what_a_later_release_sends_more_is_ignored(given, database_url):
    jobs.run_notify.apply(kwargs={**given, "colour": "red"})
    assert rows(database_url, Notification.text) == [("dig",)]


def test_a_job_that_fails_is_tried_again(given, database_url, monkeypatch):
    calls = failing(monkeypatch, RuntimeError("bad luck"), OUTAGE)
    jobs.run_notify.apply(kwargs=given)
    assert len(calls) == 3
    assert rows(database_url, Notification.text) == [("dig",)]


def test_an_outage_is_outlasted_however_long_it_is(given, database_url, monkeypatch):
    calls = failing(monkeypatch, *[OUTAGE] * 20)
    jobs.run_notify.apply(kwargs=given)
    assert len(calls) == 21
    assert rows(database_url, Notification.text) == [("dig",)]


def test_a_job_that_can_never_be_done_is_parked_and_sent_again_when_told(given, database_url, monkeypatch, capsys):
    with monkeypatch.context() as broken:
        calls = failing(broken, *[RuntimeError("no\nway " + "x" * 600)] * 99)
        jobs.run_notify.apply(kwargs={"v": 1, **given}, task_id="notify-k")
        assert len(calls) == jobs.ATTEMPTS

    async def kept(database):
        async with database.read() as connection:
            return await list_parked(connection)

    [row] = on(database_url, kept)
    assert (row["job"], row["key"]) == (NOTIFY, "notify-k")
    assert row["reason"] == ("RuntimeError: no way " + "x" * 600)[:500]
    assert parked(["list"]) == 0
    assert '"job":"taskmanager.notify"' in capsys.readouterr().out
    assert parked(["retry", str(row["id"])]) == 0
    assert on(database_url, kept) == []
    assert rows(database_url, OutboxJob.job, OutboxJob.key) == [(NOTIFY, f"retry-{row['id']}-notify-k")]
    assert parked(["retry", str(row["id"])]) == 1
    assert "there is no parked job" in capsys.readouterr().err


def test_a_parked_job_is_dropped_when_told(given, database_url, monkeypatch):
    failing(monkeypatch, *[RuntimeError("no way")] * 99)
    jobs.run_notify.apply(kwargs=given, task_id="notify-k")
    assert parked(["drop", "1"]) == 0
    assert parked(["drop", "1"]) == 1
    assert rows(database_url, OutboxJob.job) == []


def test_without_a_database_the_operator_is_told(monkeypatch, capsys):
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert parked(["list"]) == 78
    assert "DATABASE_URL is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OUTAGE, True),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (IntegrityError("INSERT", {}, Exception("twice")), False),
        (RuntimeError(), False),
    ],
)
def test_what_is_an_outage(error, expected):
    assert jobs.is_outage(error) is expected


@pytest.mark.parametrize(("retries", "expected"), [(0, 2), (1, 4), (3, 16), (4, 30), (1_000, 30)])
def test_tries_follow_each_other_more_slowly(retries, expected):
    assert jobs.retry_seconds(retries) == expected
