from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.taskmanager.calls import assert_problem

from taskmanager.db import now
from taskmanager.idempotency.service import KEPT, TAKEN_OVER_AFTER, Claim, Reply, Step, claim, next_step, store
from taskmanager.logs import configure_logs
from taskmanager.problems import Problem

SECOND = timedelta(seconds=1)
UNDER_WAY = "idempotency-key-under-way"


@pytest.mark.parametrize(
    ("is_same", "is_answered", "age", "step"),
    [
        pytest.param(True, True, SECOND, Step.REPLAY, id="what was answered is answered again"),
        pytest.param(True, True, KEPT - SECOND, Step.REPLAY, id="for a day"),
        pytest.param(True, True, KEPT, Step.BEGIN, id="and then forgotten"),
        pytest.param(False, True, KEPT, Step.BEGIN, id="with whatever it was used for"),
        pytest.param(False, True, SECOND, Step.REFUSE_REUSE, id="another request needs another key"),
        pytest.param(False, False, TAKEN_OVER_AFTER, Step.REFUSE_REUSE, id="also of a request that was never answered"),
        pytest.param(True, False, SECOND, Step.REFUSE_UNDER_WAY, id="the first try is not done yet"),
        pytest.param(True, False, TAKEN_OVER_AFTER, Step.BEGIN, id="the first try died"),
    ],
)
def test_what_comes_of_a_key(is_same, is_answered, age, step):
    assert next_step(is_same=is_same, is_answered=is_answered, age=age) is step


async def test_what_is_asked_twice_is_made_once(person):
    ann, bob = await person("ann"), await person("bob")
    project = await ann.project()
    path, body = f"/projects/{project['id']}/tasks", {"title": "dig"}
    first = await ann.post(path, body, Idempotency_Key="k1")
    again = await ann.post(path, body, Idempotency_Key="k1")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(await ann.ids()) == 1
    for other in ({"title": "weed"}, {"title": "dig", "priority": 1}):
        assert_problem(await ann.post(path, other, Idempotency_Key="k1"), 422, "idempotency-key-reused")
    assert_problem(await ann.post("/projects", body, Idempotency_Key="k1"), 422, "idempotency-key-reused")
    for key in ("K1", "k2"):
        assert (await ann.post(path, body, Idempotency_Key=key)).status_code == 201
    assert len(await ann.ids()) == 3
    assert_problem(await bob.post(path, body, Idempotency_Key="k1"), 404, "project-not-found")
    assert (await bob.post("/projects", {"name": "x"}, Idempotency_Key="k1")).status_code == 201, (
        "keys are a user's own"
    )


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "é"])
async def test_a_key_that_is_none_is_refused(person, key):
    ann = await person()
    answer = await ann.post("/projects", {"name": "x"}, Idempotency_Key=key.encode("latin-1"))
    assert_problem(answer, 422, "idempotency-key-invalid")


async def test_what_failed_leaves_nothing_and_is_tried_again(person):
    ann = await person()
    project = await ann.project()
    path = f"/projects/{project['id']}"
    await ann.patch(path, {"archived": True})
    body = {"title": "dig"}
    assert_problem(await ann.post(f"{path}/tasks", body, Idempotency_Key="k"), 409, "project-archived")
    assert_problem(await ann.post(f"{path}/tasks", {}, Idempotency_Key="k"), 422, "invalid-request")
    await ann.patch(path, {"archived": False})
    assert (await ann.post(f"{path}/tasks", body, Idempotency_Key="k")).status_code == 201


async def test_an_error_that_nobody_expected_leaves_nothing_either(person, monkeypatch):
    configure_logs("INFO", "taskmanager-api", "v7")  # a traceback on one line, not in a frame
    ann = await person()
    project = await ann.project()

    async def fail(*_):
        raise RuntimeError

    path, body = f"/projects/{project['id']}/tasks", {"title": "dig"}
    with monkeypatch.context() as broken:
        broken.setattr("taskmanager.tasks.router.read_one", fail)
        assert_problem(await ann.post(path, body, Idempotency_Key="k"), 500, "internal-error")
    assert await ann.ids() == []
    assert (await ann.post(path, body, Idempotency_Key="k")).status_code == 201


async def test_of_many_at_once_one_is_done(person):
    ann = await person()
    project = await ann.project()
    path, body = f"/projects/{project['id']}/tasks", {"title": "dig"}
    answers = await asyncio.gather(*(ann.post(path, body, Idempotency_Key="k") for _ in range(8)))
    for answer in answers:
        if answer.status_code != 201:
            assert_problem(answer, 409, UNDER_WAY)
            assert answer.headers["retry-after"] == "1"
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert await ann.ids() == [made[0]]
    assert set(made) == {made[0]}


async def test_a_process_that_died_is_followed_by_another_and_comes_too_late_itself(person, database):
    ann = await person()
    dead = await claim(database, int(ann.id), "k", "f")
    assert isinstance(dead, Claim)
    with pytest.raises(Problem) as caught:
        await claim(database, int(ann.id), "k", "f")
    assert caught.value.code == UNDER_WAY
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE idempotency_keys SET started_at = :then"),
            {"then": str((now() - TAKEN_OVER_AFTER).replace(tzinfo=None))},
        )
    second = await claim(database, int(ann.id), "k", "f")
    assert isinstance(second, Claim)
    with pytest.raises(Problem) as caught:
        async with database.transaction() as session:
            await store(session, dead, Reply(201, {}, "{}"))
    assert caught.value.code == UNDER_WAY
    async with database.transaction() as session:
        await store(session, second, Reply(201, {"location": "/x"}, "{}"))
    assert await claim(database, int(ann.id), "k", "f") == Reply(201, {"location": "/x"}, "{}")


async def test_old_keys_are_deleted_as_new_ones_come(person, database):
    ann = await person()
    for key in ("a", "b"):
        await ann.post("/projects", {"name": "x"}, Idempotency_Key=key)
    async with database.transaction() as session:
        await session.execute(text("UPDATE idempotency_keys SET started_at = '2026-01-01 00:00:00.000000'"))
    await ann.post("/projects", {"name": "x"}, Idempotency_Key="c")
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT COUNT(*) FROM idempotency_keys"))).scalar_one() == 1


async def test_a_reply_is_not_for_a_token_that_may_not_write(client, person):
    ann = await person()
    reader = await ann.make("/tokens", {"name": "x"})
    await ann.post("/projects", {"name": "x"}, Idempotency_Key="k")
    headers = {"Authorization": f"Bearer {reader['token']}", "Idempotency-Key": "k"}
    assert_problem(await client.post("/projects", json={"name": "x"}, headers=headers), 403, "scope-missing")
    assert_problem(
        await client.post("/projects", json={"name": "x"}, headers={"Idempotency-Key": "k"}), 401, "token-missing"
    )
