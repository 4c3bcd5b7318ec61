from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from tests.taskmanager.test_outbox import JOB, Broker, change, rows_of, want

from taskmanager.db import now
from taskmanager.outbox import attempts, service
from taskmanager.outbox.attempts import ATTEMPTS, Outcome, wait_after
from taskmanager.outbox.parked import list_parked
from taskmanager.parked import main as parked


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
async def row_id(database, broker):
    await want(database, "a")
    await service.relay(database, broker.send)
    return (await rows_of(database))["a"].id


@pytest.mark.parametrize(("begun", "seconds"), [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (1000, 300)])
def test_a_job_that_failed_rests_longer_each_time(begun, seconds):
    assert wait_after(begun) == timedelta(seconds=seconds)


async def test_a_job_that_is_done_is_not_begun_again(database, row_id, broker):
    assert await attempts.begin(database, row_id) is None
    await attempts.finish(database, row_id)
    assert await attempts.begin(database, row_id) is Outcome.UNNEEDED
    assert await attempts.begin(database, row_id + 1) is Outcome.UNNEEDED
    assert await service.relay(database, broker.send) == 0


async def test_a_job_that_was_done_before_the_relay_noted_it_is_not_sent_again(database, broker):
    await want(database, "a")
    [waiting] = await service.claim(database)
    await attempts.begin(database, waiting.id)
    await attempts.finish(database, waiting.id)
    await service.settle(database, [waiting.id], [])
    await change(database, claimed_until=None)
    assert await service.relay(database, broker.send) == 0


async def test_a_job_that_failed_before_the_relay_noted_it_is_sent_again(database, broker):
    await want(database, "a")
    [waiting] = await service.claim(database)
    await attempts.begin(database, waiting.id)
    assert await attempts.fail(database, waiting.id, RuntimeError("no")) is Outcome.FAILED
    await service.settle(database, [waiting.id], [])
    await change(database, available_at=now())
    assert await service.relay(database, broker.send) == 1


async def test_a_job_that_failed_comes_again_after_a_rest(database, row_id, broker):
    await attempts.begin(database, row_id)
    before = now()
    assert await attempts.fail(database, row_id, RuntimeError("stones")) is Outcome.FAILED
    row = (await rows_of(database))["a"]
    assert (row.last_error, row.attempts) == ("RuntimeError: stones", 1)
    assert row.available_at >= before + wait_after(1)
    assert await service.relay(database, broker.send) == 0


async def fail_for_good(database, row_id, error="stones"):
    for attempt in range(ATTEMPTS):
        assert await attempts.begin(database, row_id) is None
        outcome = await attempts.fail(database, row_id, RuntimeError(error))
        assert outcome is (Outcome.PARKED if attempt == ATTEMPTS - 1 else Outcome.FAILED)


async def parked_rows(database):
    async with database.read() as connection:
        return await list_parked(connection)


async def test_a_job_that_fails_again_and_again_is_parked(database, row_id, broker):
    await fail_for_good(database, row_id, error="s" * 1000)
    [row] = await parked_rows(database)
    assert (row["job"], row["unique_key"], row["attempts"]) == (JOB, "a", ATTEMPTS)
    assert row["payload"] == '{"bed":"a","v":1}'
    assert row["reason"] == "RuntimeError: " + "s" * 486
    assert await attempts.begin(database, row_id) is Outcome.UNNEEDED
    await change(database, available_at=now())
    assert await service.relay(database, broker.send) == 0


async def test_a_job_that_kills_its_process_each_time_is_parked(database, row_id):
    for _ in range(ATTEMPTS):
        assert await attempts.begin(database, row_id) is None
    assert await attempts.begin(database, row_id) is Outcome.PARKED
    [row] = await parked_rows(database)
    assert row["reason"] == "its process ended each time"


async def test_a_job_that_gets_on_is_not_given_up(database, row_id, broker):
    for _ in range(ATTEMPTS * 2):
        assert await attempts.begin(database, row_id) is None
        await attempts.go_on_later(database, row_id)
    assert await service.relay(database, broker.send) == 1


async def test_what_is_not_the_job_s_fault_does_not_count(database, row_id):
    for _ in range(ATTEMPTS * 2):
        assert await attempts.begin(database, row_id) is None
        await attempts.take_back(database, row_id)
    assert (await rows_of(database))["a"].attempts == 0


# -- the operator ------------------------------------------------------------------------------------------------------


@pytest.fixture
def operate(settings, database_url, monkeypatch, capsys):
    """Runs the command in a thread, as it begins its own event loop: (exit code, standard output, standard error)."""
    settings()  # no variable of this machine
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def run(*words):
        code = await asyncio.to_thread(parked, words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


async def test_an_operator_tries_a_parked_job_again(database, row_id, broker, operate):
    await fail_for_good(database, row_id)
    code, out, _ = await operate("list")
    shown = json.loads(out)
    assert (code, shown["unique_key"], shown["reason"]) == (0, "a", "RuntimeError: stones")
    assert (await operate("retry", str(shown["id"])))[0] == 0
    assert await parked_rows(database) == []
    assert await service.relay(database, broker.send) == 1
    assert await attempts.begin(database, row_id) is None
    assert (await operate("retry", str(shown["id"]))) == (1, "", f"taskmanager.parked: {shown['id']}: there is no such parked-job\n")  # fmt: skip


async def test_a_job_whose_row_is_gone_is_tried_again_too(database, broker, operate):
    async with database.transaction() as session:
        await attempts.park(session, JOB, "message:1", '{"bed":"a","v":1}', "no")
    assert (await operate("retry", "all"))[0] == 0
    assert await service.relay(database, broker.send) == 1
    assert broker.taken == [(JOB, "message:1", {"bed": "a", "v": 1})]


async def test_what_nobody_can_read_is_dropped_and_not_tried_again(database, operate):
    async with database.transaction() as session:
        for _ in range(2):
            await attempts.park(session, "x" * 99, "unreadable:1", '["\\u0000"]', "no")
    [row] = await parked_rows(database)
    code, _, error = await operate("retry", str(row["id"]))
    assert (code, error) == (1, f"taskmanager.parked: {row['id']}: nobody can read what it wants; it can only be dropped\n")  # fmt: skip
    assert (await operate("drop", "all"))[0] == 0
    assert await parked_rows(database) == []
    assert (await operate("drop", str(row["id"])))[0] == 1


async def test_an_operator_who_misspells_is_told(operate, monkeypatch):
    assert (await operate("retry", "seven"))[::2] == (1, "taskmanager.parked: seven: an id is a number\n")
    monkeypatch.delenv("DATABASE_URL")
    assert (await operate("list"))[0] == 78
