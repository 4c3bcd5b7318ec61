"""Jobs, run in this process as a worker's process runs them."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery.exceptions import Ignore, Reject
from sqlalchemy import event
from tests.taskmanager.calls import assert_problem
from tests.taskmanager.test_api import project_of
from tests.taskmanager.test_exports import a_project, count
from tests.taskmanager.test_outbox import rows_of

from taskmanager import jobs, stopping
from taskmanager.broker import create_celery
from taskmanager.db import Database, now
from taskmanager.exports import writing
from taskmanager.exports.models import ExportFile
from taskmanager.outbox.attempts import ATTEMPTS
from taskmanager.outbox.parked import list_parked


def _close_loop():
    if (kept := getattr(jobs._local, "database", None)) is not None:
        stopping.run_async(kept.close())
    stopping._local.runner.close()


class Pool:
    """A thread in which jobs run: each thread of jobs has an event loop of its own."""

    def __init__(self):
        self._executor = ThreadPoolExecutor(1)

    async def run(self, call, *arguments, **values):
        return await asyncio.wrap_future(self._executor.submit(call, *arguments, **values))

    def close(self):
        self._executor.submit(_close_loop).result()
        self._executor.shutdown()


@pytest.fixture
def pool():
    made = Pool()
    yield made
    made.close()


@pytest.fixture(params=["prefork", "solo"])
def work(request, settings, monkeypatch, pool):
    """Runs a job by its name, with the database that a pool has."""
    known = settings(celery_broker_url="memory://", celery_worker_pool=request.param)
    app = create_celery(known)
    app.loader.import_default_modules()
    monkeypatch.setattr(jobs, "_settings", lambda: known)
    monkeypatch.setattr(jobs, "_UNAVAILABLE_SECONDS", 0)

    async def run(name="taskmanager.write_export", **values):
        return await pool.run(app.tasks[name], **values)

    yield run
    app.close()


@pytest.fixture
async def wanted(database):
    """An export that is in the outbox: its id, and its row's."""
    _, _, export_id = await a_project(database)
    return export_id, (await rows_of(database))[f"export-{export_id}"].id


async def test_a_job_is_done_and_noted(work, wanted, database):
    export_id, row_id = wanted
    assert await work(export_id=export_id, outbox_id=row_id, v=1, of_a_later_release="ignored") == "done"
    row = (await rows_of(database))[f"export-{export_id}"]
    assert row.done_at is not None
    assert await work(export_id=export_id, outbox_id=row_id, v=1) == "unneeded"
    assert await count(database, ExportFile) == 1


async def test_a_job_of_a_release_without_outbox_is_done(work, wanted, database):
    export_id, _ = wanted
    assert await work(export_id=export_id) == "done"
    assert await work(export_id=export_id) == "unneeded"


async def test_a_job_that_fails_is_written_down_and_parked_in_the_end(work, wanted, database, monkeypatch):
    async def fail(*_, **__):
        raise RuntimeError("stones")

    monkeypatch.setattr(writing, "write_export", fail)
    export_id, row_id = wanted
    for attempt in range(1, ATTEMPTS + 1):
        with pytest.raises(Ignore, match="parked" if attempt == ATTEMPTS else "failed"):
            await work(export_id=export_id, outbox_id=row_id)
    async with database.read() as connection:
        [row] = await list_parked(connection)
    assert (row["unique_key"], row["reason"]) == (f"export-{export_id}", "RuntimeError: stones")


async def test_a_job_without_its_arguments_fails_and_does_not_vanish(work, wanted, database):
    _, row_id = wanted
    with pytest.raises(Ignore, match="failed"):
        await work(outbox_id=row_id)
    [row] = (await rows_of(database)).values()
    assert row.last_error.startswith("TypeError")


async def test_a_job_goes_back_while_the_database_is_gone(work, wanted, database, monkeypatch):
    async def fail(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr(writing, "write_export", fail)
    export_id, row_id = wanted
    for _ in range(ATTEMPTS + 1):
        with pytest.raises(Reject) as caught:
            await work(export_id=export_id, outbox_id=row_id)
        assert caught.value.requeue
    assert (await rows_of(database))[f"export-{export_id}"].attempts == 0


async def test_a_long_job_takes_another_turn(work, wanted, database, monkeypatch):
    monkeypatch.setattr(writing, "CHUNK", 1)
    monkeypatch.setattr(writing, "TURN_SECONDS", 0)
    export_id, row_id = wanted
    assert await work(export_id=export_id, outbox_id=row_id) == "unfinished"
    row = (await rows_of(database))[f"export-{export_id}"]
    assert (row.sent_at, row.attempts, row.available_at <= now()) == (None, 0, True)
    with pytest.raises(Reject):  # of a release without outbox: the message itself goes back
        await work(export_id=export_id)
    while (outcome := await work(export_id=export_id, outbox_id=row_id)) == "unfinished":
        pass
    assert outcome == "done"


async def test_a_message_that_nobody_can_read_is_parked_once(work, pool, database):
    for _ in range(2):
        await pool.run(jobs.park_message, "without a name", b"\xff\x00{" + b"x" * 20_000, ValueError("what?"))
    async with database.read() as connection:
        [row] = await list_parked(connection)
    [kept] = json.loads(row["payload"])
    assert kept.startswith("\\xff\x00{xxx")
    assert (row["reason"], len(kept)) == ("ValueError: what?", 10_000)


# -- the disk is full --------------------------------------------------------------------------------------------------


@pytest.fixture
def fill_disk(monkeypatch):
    """From its call on, SQLite finds no room for a further page in what is opened then."""

    def fill():
        real = Database.__init__

        def small(self, *arguments, **options):
            real(self, *arguments, **options)

            @event.listens_for(self._writer.sync_engine, "connect")
            def _limit(connection, _):
                cursor = connection.cursor()
                cursor.execute("PRAGMA max_page_count=1")  # SQLite takes the present size, if that is more
                cursor.close()

        monkeypatch.setattr(Database, "__init__", small)

    return fill


@pytest.mark.sqlite_only
async def test_a_full_disk_is_told_and_nothing_is_half_written(start, client, sign_in, fill_disk):
    ann = await sign_in()
    fill_disk()
    client = await start()
    project = await project_of(client, ann)
    refused = None
    for number in range(200):
        answer = await client.post(f"/projects/{project}/tasks", json={"title": str(number), "description": "x" * 9000}, headers=ann)  # fmt: skip
        if answer.status_code != 201:
            refused = answer
            break
    assert refused is not None
    assert_problem(refused, 507, "storage-full")
    assert_problem(await client.post(f"/projects/{project}/tasks", json={"title": "y", "description": "x" * 9000}, headers=ann), 507, "storage-full")  # fmt: skip
    listed = (await client.get("/tasks", params={"limit": 200}, headers=ann)).json()["results"]
    assert [row["title"] for row in listed] == [str(n) for n in range(number)][::-1]


@pytest.mark.sqlite_only
async def test_a_job_on_a_full_disk_goes_back(work, database, fill_disk):
    _, _, export_id = await a_project(database, tasks=60, title="{}" + "x" * 150)
    row_id = (await rows_of(database))[f"export-{export_id}"].id
    fill_disk()
    with pytest.raises(Reject):
        await work(export_id=export_id, outbox_id=row_id)
    assert await count(database, ExportFile) == 0
    row = (await rows_of(database))[f"export-{export_id}"]
    assert (row.done_at, row.attempts) == (None, 0)
