"""Tasks over HTTP."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Response

from taskmanager.deps import Cursor, PageSize, ReadDep, SessionDep, UserId
from taskmanager.paging import Page, PublicId, decode_cursor, page_of
from taskmanager.projects.service import read_project
from taskmanager.tasks import service
from taskmanager.tasks.schemas import Status, TaskChange, TaskCreate, TaskRead

router = APIRouter(tags=["tasks"])


@router.post("/projects/{project_id}/tasks", status_code=201, response_model=TaskRead)
async def create_task(
    project_id: PublicId, body: TaskCreate, session: SessionDep, user_id: UserId, response: Response
) -> Any:
    task = await service.create_task(session, user_id, project_id, body.model_dump())
    response.headers["Location"] = f"/tasks/{task.id}"
    return task


@router.get("/projects/{project_id}/tasks", response_model=Page[TaskRead])
async def list_tasks_of_project(
    project_id: PublicId,
    connection: ReadDep,
    user_id: UserId,
    limit: PageSize = 50,
    cursor: Cursor = None,
    status: Status | None = None,
) -> Any:
    before = decode_cursor(cursor)
    await read_project(connection, user_id, project_id)  # an empty list would tell that it exists
    rows = await service.list_tasks(
        connection, user_id, before=before, limit=limit + 1, project_id=project_id, status=status
    )
    return _page(rows, limit)


@router.get("/tasks", response_model=Page[TaskRead])
async def list_tasks(
    connection: ReadDep, user_id: UserId, limit: PageSize = 50, cursor: Cursor = None, status: Status | None = None
) -> Any:
    rows = await service.list_tasks(connection, user_id, before=decode_cursor(cursor), limit=limit + 1, status=status)
    return _page(rows, limit)


@router.get("/tasks/{task_id}", response_model=TaskRead)
async def read_task(task_id: PublicId, connection: ReadDep, user_id: UserId) -> Any:
    return await service.read_task(connection, user_id, task_id)


@router.patch("/tasks/{task_id}", response_model=TaskRead)
async def change_task(task_id: PublicId, body: TaskChange, session: SessionDep, user_id: UserId) -> Any:
    return await service.change_task(session, user_id, task_id, body.model_dump(exclude_unset=True))


@router.delete("/tasks/{task_id}", status_code=204, response_class=Response)
async def delete_task(task_id: PublicId, session: SessionDep, user_id: UserId) -> None:
    await service.delete_task(session, user_id, task_id)


def _page(rows: list[dict[str, Any]], limit: int) -> Response:
    """The page as bytes: building a model of each row again costs as much as reading them."""
    results, next_cursor = page_of(rows, limit)
    for row in results:
        row["id"], row["project_id"] = str(row["id"]), str(row["project_id"])
    body = orjson.dumps({"results": results, "next_cursor": next_cursor}, option=orjson.OPT_UTC_Z)
    return Response(body, media_type="application/json")
