from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import orjson
import pytest
from sqlalchemy import func, select
from tests.taskmanager.calls import assert_problem

from taskmanager.db import now
from taskmanager.jobnames import NOTIFY
from taskmanager.notifications.models import Notification
from taskmanager.notifications.service import deliver, notify
from taskmanager.outbox.models import OutboxRow


@pytest.fixture
async def ann(client, sign_in):
    """Ann's headers and id."""
    headers = await sign_in("ann")
    return headers, int((await client.get("/users/me", headers=headers)).json()["id"])


async def tell(database, user_id, *keys, text="dig"):
    async with database.transaction() as session:
        for key in keys:
            await notify(session, user_id, "reminder", text, key=key, project_id=7, task_id=2**53 + 1)


async def unread(client, headers):
    return (await client.get("/notifications/unread-count", headers=headers)).json()["unread"]


async def test_a_notification_is_seen_counted_and_read(client, database, ann):
    headers, user_id = ann
    await tell(database, user_id, "a")
    [shown] = (await client.get("/notifications", headers=headers)).json()["results"]
    subjects = {name: shown[f"{name}_id"] for name in ("project", "task", "comment", "export")}
    assert subjects == {"project": "7", "task": "9007199254740993", "comment": None, "export": None}
    assert (shown["kind"], shown["text"], shown["read_at"]) == ("reminder", "dig", None)
    assert await unread(client, headers) == 1
    read = (await client.post(f"/notifications/{shown['id']}/read", headers=headers)).json()
    assert read["read_at"] is not None
    again = (await client.post(f"/notifications/{shown['id']}/read", headers=headers)).json()
    assert again == read, "when it was read first stays"
    assert await unread(client, headers) == 0


async def test_the_same_reason_notifies_once(database, ann):
    _, user_id = ann
    await asyncio.gather(*(tell(database, user_id, "a", "b") for _ in range(4)))
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(Notification))).scalar_one() == 2


@pytest.mark.parametrize(("text", "expected"), [("x" * 500, "x" * 500), ("x" * 501, "x" * 499 + "…")])
async def test_a_long_text_is_cut(client, database, ann, text, expected):
    headers, user_id = ann
    await tell(database, user_id, "a", text=text)
    [shown] = (await client.get("/notifications", headers=headers)).json()["results"]
    assert shown["text"] == expected


async def test_pages_and_the_filter_go_together(client, database, ann):
    headers, user_id = ann
    await tell(database, user_id, *(f"k{number}" for number in range(7)))
    everything = (await client.get("/notifications", headers=headers)).json()["results"]
    for row in everything[::2]:
        await client.post(f"/notifications/{row['id']}/read", headers=headers)
    seen, cursor = [], None
    for _ in range(7):
        parameters = {"limit": 2, "unread": "true"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/notifications", params=parameters, headers=headers)).json()
        seen += [row["id"] for row in page["results"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [row["id"] for row in everything[1::2]]


async def test_all_are_read_at_once_and_only_one_s_own(client, database, ann, sign_in):
    headers, user_id = ann
    eve = await sign_in("eve")
    eve_id = int((await client.get("/users/me", headers=eve)).json()["id"])
    await tell(database, user_id, "a", "b")
    await tell(database, eve_id, "c")
    answer = await client.post("/notifications/read-all", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await unread(client, headers), await unread(client, eve)) == (0, 1)


async def test_a_stranger_sees_and_reads_nothing(client, database, ann, sign_in):
    headers, user_id = ann
    eve = await sign_in("eve")
    await tell(database, user_id, "a")
    [shown] = (await client.get("/notifications", headers=headers)).json()["results"]
    assert (await client.get("/notifications", headers=eve)).json()["results"] == []
    assert_problem(await client.post(f"/notifications/{shown['id']}/read", headers=eve), 404, "notification-not-found")
    assert_problem(await client.post("/notifications/999/read", headers=headers), 404, "notification-not-found")
    assert await unread(client, headers) == 1


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/notifications?unread=perhaps", "invalid-request"),
        ("GET", "/notifications?cursor=x", "invalid-cursor"),
        ("GET", "/notifications?limit=0", "invalid-request"),
        ("POST", "/notifications/first/read", "invalid-request"),
    ],
)
async def test_bad_input_is_refused(client, ann, method, path, code):
    assert_problem(await client.request(method, path, headers=ann[0]), 422, code)


@pytest.mark.parametrize("path", ["/notifications", "/notifications/unread-count"])
async def test_nobody_is_nobody(client, path):
    assert_problem(await client.get(path), 401, "token-missing")


# -- by what others do -------------------------------------------------------------------------------------------------


async def work(database):
    """Do what the worker does with the notifications that wait."""
    async with database.read() as connection:
        rows = await connection.execute(select(OutboxRow.payload).where(OutboxRow.job == NOTIFY).order_by(OutboxRow.id))
        payloads = [orjson.loads(payload) for payload in rows.scalars()]
    for payload in payloads:
        payload.pop("v")
        await deliver(database, **payload)


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
    assert found[0]["project_id"] == project["id"]
    assert (await ann.read("/notifications"))["results"] == []


async def test_the_assignee_hears_of_a_comment_by_somebody_else(database, person):
    ann, bob = await person(), await person("bob")
    project = await ann.project()
    await ann.let_in(project, bob, "editor")
    task = await ann.task(project)
    await ann.make(f"/tasks/{task['id']}/comments", {"body": "nobody's task"})
    await bob.change(task, assignee_id=bob.id)
    await bob.make(f"/tasks/{task['id']}/comments", {"body": "mine"})
    comment = await ann.make(f"/tasks/{task['id']}/comments", {"body": "<b>dig</b> " + "x" * 600})
    await work(database)
    [row] = (await bob.read("/notifications"))["results"]
    assert (row["kind"], row["comment_id"]) == ("comment", comment["id"])
    assert row["text"] == ("<b>dig</b> " + "x" * 600)[:500]


async def test_who_is_gone_is_not_notified(database):
    assert not await deliver(database, 4711, "comment", "x", key="k", subjects={})


async def test_a_reminder_moves_with_its_task(person):
    ann = await person()
    due_at = now().replace(microsecond=0) + timedelta(days=9)
    task = await ann.task(await ann.project(), due_at=due_at.isoformat())
    await ann.make(f"/tasks/{task['id']}/reminders", {"minutes_before": 60})
    await ann.change(task, due_at=(due_at + timedelta(days=1)).isoformat())
    [shown] = (await ann.read(f"/tasks/{task['id']}/reminders"))["results"]
    assert datetime.fromisoformat(shown["remind_at"]) == due_at + timedelta(hours=23)
