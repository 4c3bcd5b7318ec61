from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update
from tests.taskmanager.calls import assert_problem
from tests.taskmanager.test_api import project_of, task_of

from taskmanager.db import now
from taskmanager.exports import formats, service, writing
from taskmanager.exports.links import Links
from taskmanager.exports.models import Export, ExportFile, ExportPart
from taskmanager.housekeeping import clean_up
from taskmanager.notifications.models import Notification
from taskmanager.outbox.attempts import Outcome, park
from taskmanager.outbox.models import OutboxRow
from taskmanager.outbox.parked import list_parked, retry_parked
from taskmanager.problems import Problem
from taskmanager.projects.service import create_project, delete_project
from taskmanager.tasks.service import create_task
from taskmanager.users.service import register

LINKS = Links("k" * 32)


async def a_project(database, tasks=3, form="json", title="t{}"):
    async with database.transaction() as session:
        owner = await register(session, email="a@b.cd", name="Ann", password_hash="x")
        project = await create_project(session, owner.id, name="Garden", description="")
        for number in range(tasks):
            fields = {"title": title.format(number), "description": "", "status": "todo", "priority": 2, "due_at": None}
            await create_task(session, owner.id, project.id, fields)
        export = await service.request_export(session, owner.id, project.id, form)
        return owner.id, project.id, export.id


async def count(database, model):
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(model))).scalar_one()


async def content_of(database, export_id, user_id=None):
    form, pieces = await service.open_content(database, export_id, user_id=user_id)
    return form, "".join([piece async for piece in pieces])


async def write(database, export_id, version="v7", **options):
    return await writing.write_export(database, export_id, version=version, **options)


@pytest.mark.parametrize("chunk", [pytest.param(2, id="in parts"), pytest.param(5, id="in parts, the last one empty"), pytest.param(6, id="whole")])  # fmt: skip
async def test_an_export_holds_all_tasks_newest_first(database, monkeypatch, chunk):
    monkeypatch.setattr(writing, "CHUNK", chunk)
    owner_id, project_id, export_id = await a_project(database, tasks=5)
    assert await write(database, export_id) is Outcome.DONE
    async with database.read() as connection:
        export = await service.read_export(connection, LINKS, owner_id, export_id)
    assert (export["state"], export["task_count"], export["written_by"]) == ("written", 5, "v7")
    form, text = await content_of(database, export_id, owner_id)
    content = json.loads(text)
    assert form == "json"
    assert [task["title"] for task in content["tasks"]] == ["t4", "t3", "t2", "t1", "t0"]
    assert content["project"] == {"id": str(project_id), "name": "Garden", "description": ""}
    assert {type(task[name]) for task in content["tasks"] for name in ("id", "project_id")} == {str}


def test_a_task_is_written_as_the_api_shows_it():
    row = {"id": 7, "project_id": 3, "title": "t", "description": "", "status": "todo", "priority": 2, "due_at": None}
    row |= {"created_at": "c", "updated_at": "u", "due_on": date(2027, 1, 2), "number": 12, "project_key": "OPS"}
    row |= {"assignee_id": None, "parent_id": 2**60, "label_ids": [5, 17], "sort_value": 7, "is_shared": 0}
    [shown] = json.loads(f"[{formats.piece('json', [row], first=True)}]")
    assert (shown["assignee_id"], shown["parent_id"], shown["label_ids"]) == (None, str(2**60), ["5", "17"])
    assert (shown["reference"], shown["due_on"]) == ("OPS-12", "2027-01-02")
    assert not {"sort_value", "is_shared", "project_key"} & set(shown)
    [cells] = csv.DictReader(io.StringIO(formats.head("csv", {}) + formats.piece("csv", [row], first=True)))
    assert (cells["due_on"], cells["reference"], cells["assignee_id"]) == ("2027-01-02", "OPS-12", "")
    assert (cells["parent_id"], cells["label_ids"]) == (str(2**60), "5 17")
    [early] = json.loads(f"[{formats.piece('json', [row | {'number': None}], first=True)}]")
    assert early["reference"] is None


@pytest.mark.parametrize("chunk", [2, 200])
async def test_an_empty_project_is_exported_too(database, monkeypatch, chunk):
    monkeypatch.setattr(writing, "CHUNK", chunk)
    _, _, export_id = await a_project(database, tasks=0)
    await write(database, export_id)
    assert json.loads((await content_of(database, export_id))[1])["tasks"] == []


@pytest.mark.parametrize("chunk", [2, 200])
async def test_a_table_has_a_head_once_and_defused_cells(database, monkeypatch, chunk):
    monkeypatch.setattr(writing, "CHUNK", chunk)
    _, _, export_id = await a_project(database, tasks=3, form="csv", title="=HYPERLINK({})")
    await write(database, export_id)
    form, text = await content_of(database, export_id)
    rows = list(csv.reader(io.StringIO(text)))
    assert (form, tuple(rows[0])) == ("csv", formats.COLUMNS)
    assert [row[1] for row in rows[1:]] == ["'=HYPERLINK(2)", "'=HYPERLINK(1)", "'=HYPERLINK(0)"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_looks_like_a_formula_is_defused(text):
    assert formats.defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "dig", "1=1", "a-b", " =1", "'=1"])
def test_a_text_that_is_none_stays(text):
    assert formats.defused(text) == text


def test_markup_quotes_and_lines_come_back_from_a_table():
    text = '<b>"a",\nb;</b>'
    task = dict.fromkeys(formats.COLUMNS) | {"id": 7, "title": text, "priority": -1}
    [row] = csv.reader(io.StringIO(formats.piece("csv", [task], first=True)))
    assert row[:5] == ["7", text, "", "", "-1"], "a number is no formula, and stays one"


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([1, 1, 1], 3, id="all fit"),
        pytest.param([600, 600, 600], 1, id="the second is too much"),
        pytest.param([5000, 1], 1, id="one is written however long it is"),
    ],
)
def test_a_piece_has_a_size(sizes, expected):
    tasks = [{"title": "", "description": "x" * size} for size in sizes]
    assert len(writing.fitting(tasks, largest=1500)) == expected


async def test_a_job_that_runs_again_has_no_second_effect(database):
    _, _, export_id = await a_project(database)
    assert await write(database, export_id) is Outcome.DONE
    assert await write(database, export_id, version="v8") is Outcome.UNNEEDED
    assert (await count(database, ExportFile), await count(database, Notification)) == (1, 1)


@pytest.mark.parametrize("chunk", [1, 200], ids=["in parts", "whole"])
async def test_of_jobs_that_run_side_by_side_one_has_an_effect(database, monkeypatch, chunk):
    monkeypatch.setattr(writing, "CHUNK", chunk)
    _, _, export_id = await a_project(database)
    written = await asyncio.gather(*(write(database, export_id) for _ in range(4)))
    assert sorted(written) == [Outcome.DONE] + [Outcome.UNNEEDED] * 3
    assert await count(database, Notification) == 1
    assert [task["title"] for task in json.loads((await content_of(database, export_id))[1])["tasks"]] == ["t2", "t1", "t0"]  # fmt: skip


async def test_whoever_comes_next_goes_on_behind_the_last_piece(database, monkeypatch):
    monkeypatch.setattr(writing, "CHUNK", 2)
    _, _, export_id = await a_project(database, tasks=5)
    # a clock on which each turn is over after one piece
    outcomes: list[Outcome] = []
    while not outcomes or outcomes[-1] is Outcome.UNFINISHED:
        ticks = iter([0.0, writing.TURN_SECONDS])
        outcomes.append(await write(database, export_id, clock=lambda ticks=ticks: next(ticks)))
        parts = await count(database, ExportPart)
        assert parts == len(outcomes), "each turn writes one"
    assert outcomes == [Outcome.UNFINISHED, Outcome.UNFINISHED, Outcome.DONE]
    assert [task["title"] for task in json.loads((await content_of(database, export_id))[1])["tasks"]] == ["t4", "t3", "t2", "t1", "t0"]  # fmt: skip


async def test_an_unfinished_export_is_not_to_be_had(database, monkeypatch):
    monkeypatch.setattr(writing, "CHUNK", 2)
    owner_id, _, export_id = await a_project(database, tasks=5)
    ticks = iter([0.0, writing.TURN_SECONDS])
    assert await write(database, export_id, clock=lambda: next(ticks)) is Outcome.UNFINISHED
    async with database.read() as connection:
        export = await service.read_export(connection, LINKS, owner_id, export_id)
    assert (export["state"], export["content_url"]) == ("queued", None)
    with pytest.raises(Problem) as caught:
        await service.open_content(database, export_id, user_id=owner_id)
    assert caught.value.code == "export-not-found"


async def test_an_export_that_nobody_wants_any_more_is_not_written(database):
    owner_id, project_id, export_id = await a_project(database)
    async with database.transaction() as session:
        await delete_project(session, owner_id, project_id)
    assert await write(database, export_id) is Outcome.UNNEEDED
    assert await count(database, Export) == 0


async def test_an_export_that_was_given_up_is_told_until_it_is_tried_again(database):
    owner_id, project_id, export_id = await a_project(database)

    async def states():
        async with database.read() as connection:
            one = await service.read_export(connection, LINKS, owner_id, export_id)
            [listed] = await service.list_exports(connection, LINKS, owner_id, project_id, before=2**62, limit=9)
        return {one["state"], listed["state"]}

    async with database.transaction() as session:
        await park(session, "taskmanager.write_export", f"export-{export_id}", '{"v":1}', "stones")
        await park(session, "taskmanager.write_export", f"export-{export_id + 1}", '{"v":1}', "stones")
    assert await states() == {"failed"}
    async with database.read() as connection:
        first = (await list_parked(connection))[0]["id"]
    async with database.transaction() as session:
        await retry_parked(session, first)
    assert await states() == {"queued"}
    await write(database, export_id)
    assert await states() == {"written"}


async def test_an_export_is_seen_by_whoever_asked_for_it_alone(database):
    owner_id, _, export_id = await a_project(database)
    async with database.read() as connection:
        assert (await service.read_export(connection, LINKS, owner_id, export_id))["state"] == "queued"
        with pytest.raises(Problem) as caught:
            await service.read_export(connection, LINKS, owner_id + 1, export_id)
        assert caught.value.code == "export-not-found"
    await write(database, export_id)
    with pytest.raises(Problem) as caught:
        await service.open_content(database, export_id, user_id=owner_id + 1)
    assert caught.value.code == "export-not-found"


async def test_an_old_export_expires_and_its_content_is_deleted(database, monkeypatch):
    monkeypatch.setattr(writing, "CHUNK", 2)
    owner_id, _, export_id = await a_project(database)
    await write(database, export_id)
    assert await clean_up(database) == 0
    async with database.transaction() as session:
        await session.execute(update(Export).values(requested_at=now() - service.LIFETIME))
    async with database.read() as connection:
        export = await service.read_export(connection, LINKS, owner_id, export_id)
    assert (export["state"], export["content_url"]) == ("expired", None)
    with pytest.raises(Problem) as caught:
        await service.open_content(database, export_id, user_id=owner_id)
    assert (caught.value.status, caught.value.code) == (410, "export-expired")
    assert await clean_up(database) == 2
    assert await count(database, ExportPart) == 0


# -- over HTTP ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def ann(client, sign_in):
    headers = await sign_in("ann")
    project_id = await project_of(client, headers)
    await task_of(client, headers, project_id, title="=dig")
    return headers, project_id


async def test_without_a_broker_an_export_is_accepted_and_waits(client, database, ann):
    headers, project_id = ann
    answer = await client.post(f"/projects/{project_id}/export", headers=headers)
    assert answer.status_code == 202
    export = answer.json()
    assert answer.headers["location"] == f"/exports/{export['id']}"
    assert (export["state"], export["format"], export["content_url"]) == ("queued", "json", None)
    async with database.read() as connection:
        [row] = (await connection.execute(select(OutboxRow.job, OutboxRow.unique_key, OutboxRow.payload))).all()
    assert tuple(row) == ("taskmanager.write_export", f"export-{export['id']}", f'{{"export_id":{export["id"]},"v":1}}')
    listed = (await client.get(f"/projects/{project_id}/exports", headers=headers)).json()
    assert listed == {"results": [export], "next_cursor": None}


async def test_a_table_is_asked_of_workers_that_can_write_one(client, database, ann):
    headers, project_id = ann
    answer = await client.post(f"/projects/{project_id}/export?format=csv", headers=headers)
    async with database.read() as connection:
        payload = json.loads((await connection.execute(select(OutboxRow.payload))).scalar_one())
    assert (answer.json()["format"], payload["v"]) == ("csv", 2)


async def test_a_format_that_there_is_not_is_refused(client, ann):
    headers, project_id = ann
    answer = await client.post(f"/projects/{project_id}/export?format=xml", headers=headers)
    assert_problem(answer, 422, "invalid-request")


async def test_content_is_read_by_its_owner_and_by_whoever_has_the_link(client, database, ann, sign_in):
    headers, project_id = ann
    eve = await sign_in("eve")
    asked = (await client.post(f"/projects/{project_id}/export?format=csv", headers=headers)).json()
    path = f"/exports/{asked['id']}/content"
    assert_problem(await client.get(path, headers=headers), 404, "export-not-found")
    await write(database, int(asked["id"]))
    export = (await client.get(f"/exports/{asked['id']}", headers=headers)).json()
    by_link = await client.get(export["content_url"])
    by_owner = await client.get(path, headers=headers)
    assert by_link.text == by_owner.text
    assert "'=dig" in by_link.text
    assert by_link.headers["content-type"] == "text/csv; charset=utf-8"
    assert by_link.headers["content-disposition"] == f'attachment; filename="export-{asked["id"]}.csv"'
    assert_problem(await client.get(path), 401, "token-missing")
    assert_problem(await client.get(path, headers=eve), 404, "export-not-found")
    assert_problem(await client.get(f"{path}?token=forged"), 404, "export-not-found")
    assert_problem(await client.get(f"/exports/{asked['id']}", headers=eve), 404, "export-not-found")
    wrong = {"Authorization": "Bearer forged"}
    assert_problem(await client.get(path, headers=wrong), 401, "token-invalid")


async def test_an_expired_link_is_gone(client, database, ann, monkeypatch):
    headers, project_id = ann
    monkeypatch.setattr(service, "LINK_LIFETIME", timedelta(seconds=-1))
    asked = (await client.post(f"/projects/{project_id}/export", headers=headers)).json()
    await write(database, int(asked["id"]))
    export = (await client.get(f"/exports/{asked['id']}", headers=headers)).json()
    assert_problem(await client.get(export["content_url"]), 410, "export-link-expired")


async def test_somebody_has_only_so_many_exports_that_are_not_written(start, client, person, database):
    ann, eve = await person("ann"), await person("eve")
    projects = [await ann.project(name) for name in ("a", "b")]
    await ann.let_in(projects[0], eve, "viewer")
    ann.client = eve.client = await start(limit_unfinished_exports=2)

    async def ask(one, project):
        return await one.post(f"/projects/{project['id']}/export", None)

    first, second, third = [await ask(ann, projects[number % 2]) for number in range(3)]
    assert (first.status_code, second.status_code) == (202, 202)
    assert_problem(third, 429, "too-many-exports")
    assert third.headers["retry-after"] == "10"
    assert (await ask(eve, projects[0])).status_code == 202, "each has their own"
    await write(database, int(first.json()["id"]))
    assert (await ask(ann, projects[0])).status_code == 202, "one is written"
    assert_problem(await ask(ann, projects[0]), 429, "too-many-exports")
    async with database.transaction() as session:
        await park(session, "taskmanager.write_export", f"export-{second.json()['id']}", "{}", "x")
    assert (await ask(ann, projects[0])).status_code == 202, "one was given up"
