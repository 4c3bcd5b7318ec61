from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from tests.taskmanager.calls import assert_problem
from tests.taskmanager.test_api import project_of, task_of

from taskmanager.db import now
from taskmanager.notifications.models import Notification
from taskmanager.outbox.models import OutboxRow
from taskmanager.problems import Problem
from taskmanager.reminders import rules, service
from taskmanager.reminders.models import Reminder
from taskmanager.tasks.models import Task

T0 = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("remind_at", "minutes_before", "due_at", "expected"),
    [
        pytest.param(T0 + HOUR, None, None, T0 + HOUR, id="at a moment"),
        pytest.param(T0 + timedelta(microseconds=1), None, None, T0 + timedelta(microseconds=1), id="just not past"),
        pytest.param(T0, None, None, "reminder-in-past", id="now is past"),
        pytest.param(T0 + rules.FARTHEST, None, None, T0 + rules.FARTHEST, id="as far as can be"),
        pytest.param(T0 + rules.FARTHEST + HOUR, None, None, "reminder-too-far", id="too far"),
        pytest.param(None, 30, T0 + HOUR, T0 + HOUR / 2, id="before it is due"),
        pytest.param(None, 0, T0 + HOUR, T0 + HOUR, id="when it is due"),
        pytest.param(None, 60, T0 + HOUR, "reminder-in-past", id="that moment is past"),
        pytest.param(None, 5, None, "task-not-due", id="not due at any time"),
        pytest.param(None, 40_320, datetime(1, 1, 1, tzinfo=UTC), "reminder-in-past", id="before all time"),
    ],
)
def test_when_a_new_reminder_is_due(remind_at, minutes_before, due_at, expected):
    found: object
    try:
        found = rules.moment_of(T0, remind_at=remind_at, minutes_before=minutes_before, due_at=due_at)
    except Problem as problem:
        found = problem.code
    assert found == expected


@pytest.mark.parametrize(
    ("due_at", "remind_at", "fired_at", "expected"),
    [
        pytest.param(T0 + 2 * HOUR, T0 + HOUR, None, (T0 + HOUR, None, False), id="the due time stays"),
        pytest.param(T0 + 3 * HOUR, T0 + HOUR, None, (T0 + 2 * HOUR, None, True), id="later"),
        pytest.param(T0 + 3 * HOUR, T0 - HOUR, T0 - HOUR, (T0 + 2 * HOUR, None, True), id="fired, and set anew"),
        pytest.param(T0 + HOUR / 2, T0 + HOUR, None, (T0 - HOUR / 2, None, False), id="moved into the past"),
        pytest.param(None, T0 + HOUR, None, (None, None, False), id="not due any more"),
        pytest.param(None, T0 - HOUR, T0, (None, T0, False), id="fired, and not due any more"),
        pytest.param(T0 + 2 * HOUR, None, None, (T0 + HOUR, None, True), id="due again"),
        pytest.param(T0, T0 - HOUR, T0 - HOUR, (T0 - HOUR, T0 - HOUR, False), id="fired, and the due time stays"),
    ],
)
def test_a_relative_reminder_moves_with_its_task(due_at, remind_at, fired_at, expected):
    found = rules.moved(T0, minutes_before=60, due_at=due_at, remind_at=remind_at, fired_at=fired_at)
    assert found == expected


# -- over HTTP ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def ann(client, sign_in):
    headers = await sign_in("ann")
    due = (now() + 3 * HOUR).isoformat()
    task = await task_of(client, headers, await project_of(client, headers), title="water the beds", due_at=due)
    return headers, task


async def remind(client, headers, task, **body):
    return await client.post(f"/tasks/{task['id']}/reminders", json=body, headers=headers)


async def waiting(database):
    """The jobs in the outbox: reminder -> moment."""
    async with database.read() as connection:
        rows = (await connection.execute(select(OutboxRow.payload, OutboxRow.available_at))).all()
    payloads = [json.loads(row.payload) for row in rows]
    assert [datetime.fromisoformat(payload["remind_at"]) for payload in payloads] == [row[1] for row in rows]
    return {payload["reminder_id"]: datetime.fromisoformat(payload["remind_at"]) for payload in payloads}


async def notified(database):
    async with database.read() as connection:
        return (await connection.scalars(select(Notification.text).order_by(Notification.id))).all()


async def test_a_reminder_is_a_row_and_a_job_that_waits_for_its_moment(client, database, ann):
    headers, task = ann
    moment = now() + HOUR
    at = await remind(client, headers, task, remind_at=moment.isoformat())
    before = await remind(client, headers, task, minutes_before=30)
    assert (at.status_code, before.status_code) == (201, 201)
    due_at = datetime.fromisoformat(task["due_at"])
    moments = {int(at.json()["id"]): moment, int(before.json()["id"]): due_at - HOUR / 2}
    assert await waiting(database) == moments
    listed = (await client.get(f"/tasks/{task['id']}/reminders", headers=headers)).json()
    assert listed == {"results": [at.json(), before.json()]}
    path = f"/tasks/{task['id']}/reminders/{at.json()['id']}"
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert list(await waiting(database)) == [int(before.json()["id"])]
    assert_problem(await client.delete(path, headers=headers), 404, "reminder-not-found")


async def test_a_reminder_fires_once(client, database, ann):
    headers, task = ann
    made = (await remind(client, headers, task, minutes_before=0)).json()
    moment = datetime.fromisoformat(made["remind_at"])
    assert [await service.fire(database, int(made["id"]), moment) for _ in range(3)] == [True, False, False]
    assert await notified(database) == ["water the beds"]
    [listed] = (await client.get(f"/tasks/{task['id']}/reminders", headers=headers)).json()["results"]
    assert listed["fired_at"] is not None


async def test_a_job_of_another_moment_does_nothing(client, database, ann):
    headers, task = ann
    made = (await remind(client, headers, task, minutes_before=0)).json()
    moment = datetime.fromisoformat(made["remind_at"])
    assert not await service.fire(database, int(made["id"]), moment - HOUR)
    assert not await service.fire(database, int(made["id"]) + 1, moment)
    assert await notified(database) == []


async def change_task(database, task, **fields):
    """What the service of tasks does: change it, and say so."""
    async with database.transaction() as session:
        row = await session.get(Task, int(task["id"]))
        for name, value in fields.items():
            setattr(row, name, value)
        await service.task_changed(session, row)


async def test_a_moved_task_moves_its_relative_reminders(client, database, ann):
    headers, task = ann
    fixed = (await remind(client, headers, task, remind_at=(now() + HOUR).isoformat())).json()
    moving = (await remind(client, headers, task, minutes_before=60)).json()
    old = datetime.fromisoformat(moving["remind_at"])
    new_due = now() + 24 * HOUR
    await change_task(database, task, due_at=new_due)
    moments = await waiting(database)
    assert moments == {int(fixed["id"]): datetime.fromisoformat(fixed["remind_at"]), int(moving["id"]): new_due - HOUR}
    assert not await service.fire(database, int(moving["id"]), old)
    assert await service.fire(database, int(moving["id"]), new_due - HOUR)
    later = new_due + HOUR
    await change_task(database, task, due_at=later)
    assert await service.fire(database, int(moving["id"]), later - HOUR), "set anew after it has fired"
    await change_task(database, task, due_at=None)
    [_, shown] = (await client.get(f"/tasks/{task['id']}/reminders", headers=headers)).json()["results"]
    assert shown["remind_at"] is None
    assert len(await notified(database)) == 2


@pytest.mark.parametrize("status", ["todo", "doing", "done"])
async def test_nobody_is_reminded_of_what_is_done(client, database, ann, status):
    headers, task = ann
    made = (await remind(client, headers, task, minutes_before=0)).json()
    await client.patch(f"/tasks/{task['id']}", json={"status": status}, headers=headers)
    fired = await service.fire(database, int(made["id"]), datetime.fromisoformat(made["remind_at"]))
    assert fired == (status != "done")
    assert len(await notified(database)) == fired


async def test_a_deleted_task_reminds_nobody(client, database, ann):
    headers, task = ann
    made = (await remind(client, headers, task, minutes_before=0)).json()
    assert (await client.delete(f"/tasks/{task['id']}", headers=headers)).status_code == 204
    assert not await service.fire(database, int(made["id"]), datetime.fromisoformat(made["remind_at"]))
    async with database.read() as connection:
        assert (await connection.scalars(select(Reminder.id))).all() == []


async def test_a_task_has_at_most_ten(client, ann):
    headers, task = ann
    for number in range(rules.MOST):
        assert (await remind(client, headers, task, minutes_before=number)).status_code == 201
    assert_problem(await remind(client, headers, task, minutes_before=60), 409, "too-many-reminders")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({}, "invalid-request", id="neither"),
        pytest.param({"minutes_before": 5, "remind_at": "2127-01-01T00:00:00Z"}, "invalid-request", id="both"),
        pytest.param({"minutes_before": -1}, "invalid-request", id="after it is due"),
        pytest.param({"minutes_before": 40_321}, "invalid-request", id="more than four weeks"),
        pytest.param({"minutes_before": 1.5}, "invalid-request", id="half a minute"),
        pytest.param({"minutes_before": 5, "x": 1}, "invalid-request", id="an unknown field"),
        pytest.param({"remind_at": "2127-01-01T00:00:00"}, "invalid-request", id="a time without zone"),
        pytest.param({"remind_at": "2127-13-01T00:00:00Z"}, "invalid-request", id="a month that there is not"),
        pytest.param({"remind_at": "2020-01-01T00:00:00Z"}, "reminder-in-past", id="past"),
        pytest.param({"remind_at": "2127-01-01T00:00:00Z"}, "reminder-too-far", id="too far"),
        pytest.param({"minutes_before": 40_320}, "reminder-in-past", id="four weeks before today"),
    ],
)
async def test_bad_input_is_refused(client, ann, body, code):
    assert_problem(await remind(client, *ann, **body), 422, code)


async def test_a_task_without_due_time_has_no_relative_ones(client, ann):
    headers, task = ann
    await client.patch(f"/tasks/{task['id']}", json={"due_at": None}, headers=headers)
    assert_problem(await remind(client, headers, task, minutes_before=5), 422, "task-not-due")


async def test_a_stranger_sees_sets_and_deletes_nothing(client, database, ann, sign_in):
    headers, task = ann
    eve = await sign_in("eve")
    made = (await remind(client, headers, task, minutes_before=5)).json()
    path = f"/tasks/{task['id']}/reminders"
    assert_problem(await client.get(path, headers=eve), 404, "task-not-found")
    assert_problem(await client.post(path, json={"minutes_before": 5}, headers=eve), 404, "task-not-found")
    assert_problem(await client.delete(f"{path}/{made['id']}", headers=eve), 404, "reminder-not-found")
    other = await task_of(client, headers, task["project_id"])
    assert_problem(await client.delete(f"/tasks/{other['id']}/reminders/{made['id']}", headers=headers), 404, "reminder-not-found")  # fmt: skip
    assert list(await waiting(database)) == [int(made["id"])]
    assert_problem(await client.get(path), 401, "token-missing")
