from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy import func, select

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager.db import Database
from taskmanager.exports import service
from taskmanager.exports.models import Export, ExportFile
from taskmanager.problems import Problem
from taskmanager.projects.service import create_project, delete_project
from taskmanager.tasks.service import create_task
from taskmanager.users.service import register


@pytest.fixture
async def database(database_url):
    made = Database(database_url)
    yield made
    await made.close()


async def a_project(database, tasks=3):
    async with database.transaction() as session:
        owner = await register(session, email="a@b.cd", name="Ann", password_hash="x")
        project = await create_project(session, owner.id, name="Garden", description="")
        for number in range(tasks):
            fields = {"title": f"t{number}", "description": "", "status": "todo", "priority": 2, "due_at": None}
            await create_task(session, owner.id, project.id, fields)
        export = await service.request_export(session, owner.id, project.id)
        return owner.id, project.id, export.id


async def files(database):
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(ExportFile))).scalar_one()


async def test_an_export_holds_all_tasks_newest_first(database, monkeypatch):
    monkeypatch.setattr(service, "CHUNK", 2)
    owner_id, project_id, export_id = await a_project(database, tasks=5)
    assert await service.write_export(database, export_id, version="v7")
    async with database.read() as connection:
        export = await service.read_export(connection, owner_id, export_id)
        content = json.loads(await service.read_export_content(connection, owner_id, export_id))
    assert (export["state"], export["task_count"], export["written_by"]) == ("written", 5, "v7")
    assert [task["title"] for task in content["tasks"]] == ["t4", "t3", "t2", "t1", "t0"]
    assert content["project"] == {"id": str(project_id), "name": "Garden", "description": ""}


async def test_a_job_that_runs_again_has_no_second_effect(database):
    _, _, export_id = await a_project(database)
    assert await service.write_export(database, export_id, version="v7")
    assert not await service.write_export(database, export_id, version="v8")
    assert await files(database) == 1


async def test_of_jobs_that_run_side_by_side_one_has_an_effect(database):
    _, _, export_id = await a_project(database)
    written = await asyncio.gather(*(service.write_export(database, export_id, version="v7") for _ in range(6)))
    assert sorted(written) == [False] * 5 + [True]
    assert await files(database) == 1


async def test_an_export_that_nobody_wants_any_more_is_not_written(database):
    owner_id, project_id, export_id = await a_project(database)
    async with database.transaction() as session:
        await delete_project(session, owner_id, project_id)
    assert not await service.write_export(database, export_id, version="v7")
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(Export))).scalar_one() == 0


async def test_an_export_is_seen_by_whoever_asked_for_it_alone(database):
    owner_id, _, export_id = await a_project(database)
    async with database.read() as connection:
        assert (await service.read_export(connection, owner_id, export_id))["state"] == "queued"
        for read in (service.read_export, service.read_export_content):
            with pytest.raises(Problem) as caught:
                await read(connection, owner_id + 1, export_id)
            assert caught.value.code == "export-not-found"
