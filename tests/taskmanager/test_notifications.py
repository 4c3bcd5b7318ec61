from __future__ import annotations

import asyncio
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import select, update
from tests.taskmanager.calls import assert_problem

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager.db import now
from taskmanager.jobnames import NOTIFY, REMIND
from taskmanager.notifications.service import notify
from taskmanager.outbox.models import OutboxJob
from taskmanager.reminders.models import Reminder
from taskmanager.reminders.service import MOST_OF_A_TASK, remind, time_of


async def jobs(database, name):
    async with database.read() as connection:
        query = select(OutboxJob.payload, OutboxJob.due_at).where(OutboxJob.job == name).order_by(OutboxJob.id)
        return [(orjson.loads(row.payload), row.due_at) for row in await connection.execute(query)]


async def work(database):
    """Do what the worker does with the notifications that wait."""
    async with database.transaction() as session:
        for payload, _ in await jobs(database, NOTIFY):
            subject = {"task_id": payload["task_id"], "key": payload["key"]}
            await notify(session, payload["user_id"], payload["kind"], payload["text"], **subject)


# -- notifications -------------------------------------------------------------------------------------------------------


async def test_somebody_is_notified_once_under_a_key(database, person):
    ann = await person()
    for _ in range(2):
        async with database.transaction() as session:
            await notify(session, int(ann.id), "reminder", "water the roses", key="k")
    [row] = (await ann.read("/notifications"))["results"]
    assert (row["kind"], row["text"], row["task_id"], row["read_at"]) == ("reminder", "water the roses", None, None)
    assert await ann.read("/notifications/unread-count") == {"unread": 1}


async def test_two_workers_that_notify_at_once_notify_once(database, person):
    ann = await person()

    async def once():
        async with database.transaction() as session:
            return await notify(session, int(ann.id), "reminder", "x", key="k")

    assert sorted(await asyncio.gather(*(once() for _ in range(5)))) == [False] * 4 + [True]


async def test_who_is_gone_is_not_notified(database, person):
    ann = await person()
    async with database.transaction() as session:
        assert not await notify(session, 4711, "reminder", "x", key="k")
        assert not await notify(session, int(ann.id), "reminder", "x", key="k", task_id=4711)


async def test_they_are_read_one_by_one_and_all_at_once(database, person):
    ann, bob = await person(), await person("bob")
    async with database.transaction() as session:
        for number in range(5):
            await notify(session, int(ann.id), "reminder", f"n{number}", key=f"k{number}")
    first = await ann.read("/notifications", limit=2)
    assert [row["text"] for row in first["results"]] == ["n4", "n3"]
    rest = await ann.read("/notifications", limit=10, cursor=first["next_cursor"])
    assert [row["text"] for row in rest["results"]] == ["n2", "n1", "n0"]
    assert rest["next_cursor"] is None
    newest = first["results"][0]
    assert_problem(await bob.post(f"/notifications/{newest['id']}/read", None), 404, "notification-not-found")
    read = await ann.make(f"/notifications/{newest['id']}/read", None, status=200)
    assert read["read_at"] is not None
    assert await ann.make(f"/notifications/{newest['id']}/read", None, status=200) == read, "the first time counts"
    unread = await ann.read("/notifications", unread=True)
    assert [row["text"] for row in unread["results"]] == ["n3", "n2", "n1", "n0"]
    assert await ann.make("/notifications/read-all", None, status=200) == {"unread": 0}
    assert (await ann.read("/notifications", unread=True))["results"] == []
    assert (await bob.read("/notifications"))["results"] == []


async def test_whoever_is_given_a_task_by_somebody_else_hears_of_it_once(database, person):
    ann, bob = await person(), await person("bob")
    project = await ann.project()
    await ann.let_in(project, bob, "editor")
    task = await ann.task(project, "dig", assignee_id=bob.id)
    await ann.task(project, "for myself", assignee_id=ann.id)
    await ann.change(task, title="dig deep")
    await ann.change(task, assignee_id=None)
    await bob.change(task, assignee_id=bob.id)
    for _ in range(2):
        await work(database)
    found = (await bob.read("/notifications"))["results"]
    assert [(row["kind"], row["text"], row["task_id"]) for row in found] == [("assigned", "dig", task["id"])]
    assert (await ann.read("/notifications"))["results"] == []


async def test_the_assignee_hears_of_a_comment_by_somebody_else(database, person):
    ann, bob = await person(), await person("bob")
    project = await ann.project()
    await ann.let_in(project, bob, "editor")
    task = await ann.task(project)
    await ann.make(f"/tasks/{task['id']}/comments", {"body": "nobody's task"})
    await bob.change(task, assignee_id=bob.id)
    await bob.make(f"/tasks/{task['id']}/comments", {"body": "mine"})
    await ann.make(f"/tasks/{task['id']}/comments", {"body": "<b>dig</b> " + "x" * 600})
    await work(database)
    [row] = (await bob.read("/notifications"))["results"]
    assert row["kind"] == "comment"
    assert row["text"] == ("<b>dig</b> " + "x" * 600)[:500]


# -- reminders -----------------------------------------------------------------------------------------------------------


def later(**parts):
    return (now() + timedelta(**parts)).isoformat()


@pytest.mark.parametrize(
    ("remind_at", "minutes_before", "due_at", "expected"),
    [
        (10, None, None, 10),
        (10, None, 99, 10),
        (None, 30, 99, 69),
        (None, 0, 99, 99),
        (None, 30, None, None),
    ],
)
def test_when_somebody_is_reminded(remind_at, minutes_before, due_at, expected):
    begin = now()
    at = {minutes: begin + timedelta(minutes=minutes) for minutes in (10, 69, 99)} | {None: None}
    assert time_of(at[remind_at], minutes_before, at[due_at]) == at[expected]


async def test_a_reminder_arrives_once_at_its_time(database, person):
    ann = await person()
    task = await ann.task(await ann.project(), "water")
    path = f"/tasks/{task['id']}/reminders"
    reminder = await ann.make(path, {"remind_at": later(hours=1)})
    [(payload, due_at)] = await jobs(database, REMIND)
    assert payload == {"reminder_id": int(reminder["id"])}
    assert due_at.isoformat().replace("+00:00", "Z") == reminder["remind_at"]
    async with database.transaction() as session:
        assert not await remind(session, int(reminder["id"])), "it is not time"
    await pass_time(database)
    for expected in (True, False):
        async with database.transaction() as session:
            assert await remind(session, int(reminder["id"])) is expected
    [row] = (await ann.read("/notifications"))["results"]
    assert (row["kind"], row["text"], row["task_id"]) == ("reminder", "water", task["id"])
    [shown] = await ann.read(path)
    assert shown["fired_at"] is not None


async def pass_time(database):
    async with database.transaction() as session:
        await session.execute(update(Reminder).values(remind_at=now() - timedelta(seconds=1)))


async def test_a_reminder_before_the_due_moment_moves_with_it(database, person):
    ann = await person()
    task = await ann.task(await ann.project(), due_at=later(days=2))
    path = f"/tasks/{task['id']}/reminders"
    await ann.make(path, {"minutes_before": 60})
    due = now().replace(microsecond=0) + timedelta(days=5)
    await ann.change(task, due_at=due.isoformat())
    [shown] = await ann.read(path)
    assert shown["remind_at"] == (due - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    [(_, due_at)] = await jobs(database, REMIND)
    assert due_at == due - timedelta(hours=1), "the first job is cancelled"
    await ann.change(task, due_at=None)
    assert [row["remind_at"] for row in await ann.read(path)] == [None]
    assert await jobs(database, REMIND) == []


async def test_a_reminder_that_is_deleted_or_whose_task_is_gone_does_nothing(database, person):
    ann = await person()
    project = await ann.project()
    task, other = await ann.task(project), await ann.task(project)
    first = await ann.make(f"/tasks/{task['id']}/reminders", {"remind_at": later(hours=1)})
    second = await ann.make(f"/tasks/{other['id']}/reminders", {"remind_at": later(hours=1)})
    assert (await ann.delete(f"/reminders/{first['id']}")).status_code == 204
    assert (await ann.delete(f"/tasks/{other['id']}")).status_code == 204
    for reminder in (first, second):
        async with database.transaction() as session:
            assert not await remind(session, int(reminder["id"]))
    assert (await ann.read("/notifications"))["results"] == []


async def test_who_left_the_project_is_not_reminded(database, person):
    ann, bob = await person(), await person("bob")
    project = await ann.project()
    await ann.let_in(project, bob, "viewer")
    task = await ann.task(project)
    reminder = await bob.make(f"/tasks/{task['id']}/reminders", {"remind_at": later(hours=1)})
    assert (await bob.delete(f"/projects/{project['id']}/members/{bob.id}")).status_code == 204
    await pass_time(database)
    async with database.transaction() as session:
        assert not await remind(session, int(reminder["id"]))
    assert (await bob.read("/notifications"))["results"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid-request"),
        ({"remind_at": "2030-01-01T00:00:00Z", "minutes_before": 5}, "invalid-request"),
        ({"minutes_before": -1}, "invalid-request"),
        ({"minutes_before": 60}, "task-not-due"),
        ({"remind_at": "2001-01-01T00:00:00Z"}, "reminder-past"),
        ({"remind_at": "2030-01-01T00:00:00"}, "invalid-request"),
        ({"remind_at": "2030-01-01T00:00:00Z", "who": "me"}, "invalid-request"),
    ],
)
async def test_what_is_no_reminder(person, body, code):
    ann = await person()
    task = await ann.task(await ann.project())
    assert_problem(await ann.post(f"/tasks/{task['id']}/reminders", body), 422, code)


async def test_a_task_has_so_many_reminders_and_no_more(person):
    ann = await person()
    task = await ann.task(await ann.project())
    path = f"/tasks/{task['id']}/reminders"
    for number in range(MOST_OF_A_TASK):
        await ann.make(path, {"remind_at": later(hours=number + 1)})
    assert_problem(await ann.post(path, {"remind_at": later(hours=99)}), 409, "too-many-reminders")


async def test_a_stranger_sees_and_deletes_no_reminder(person):
    ann, eve = await person(), await person("eve")
    task = await ann.task(await ann.project())
    path = f"/tasks/{task['id']}/reminders"
    reminder = await ann.make(path, {"remind_at": later(hours=1)})
    assert_problem(await eve.get(path), 404, "task-not-found")
    assert_problem(await eve.post(path, {"remind_at": later(hours=1)}), 404, "task-not-found")
    assert_problem(await eve.delete(f"/reminders/{reminder['id']}"), 404, "reminder-not-found")
