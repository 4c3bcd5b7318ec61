"""Tasks over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from taskmanager.access import Action, access_to_project
from taskmanager.deps import ServicesDep, SessionDep, UserId
from taskmanager.idempotency.route import CreatingRoute
from taskmanager.listroute import ListRoute
from taskmanager.paging import Page, PublicId
from taskmanager.projects.settle import settle, settle_projects
from taskmanager.tasks import service
from taskmanager.tasks.filters import Asked, AskedDep, AskedOfAllDep
from taskmanager.tasks.listing import list_page
from taskmanager.tasks.reading import read_task as read_one
from taskmanager.tasks.schemas import TaskChange, TaskCreate, TaskRead
from taskmanager.tasks.versions import etag_of

router = APIRouter(tags=["tasks"], route_class=CreatingRoute)
lists = APIRouter(tags=["tasks"], route_class=ListRoute)
IfMatch = Annotated[str | None, Header(max_length=1_000, description="The ETag of the version that is to be changed.")]
Rows = list[dict[str, Any]]


@router.post("/projects/{project_id}/tasks", status_code=201, response_model=TaskRead)
async def create_task(project_id: PublicId, body: TaskCreate, session: SessionDep, user_id: UserId) -> Any:
    task = await service.create_task(session, user_id, project_id, body.model_dump())
    row = await read_one(session, user_id, task.id)
    if row["project_key"] is None:
        await settle(session, project_id)
        row = await read_one(session, user_id, task.id)
    return _answer(row, status=201, headers={"Location": f"/tasks/{task.id}"})


@lists.get("/projects/{project_id}/tasks", response_model=Page[TaskRead])
async def list_tasks_of_project(project_id: PublicId, services: ServicesDep, user_id: UserId, asked: AskedDep) -> Any:
    return await _list(services, user_id, project_id, asked)


@lists.get("/tasks", response_model=Page[TaskRead])
async def list_tasks(services: ServicesDep, user_id: UserId, asked: AskedOfAllDep) -> Any:
    return await _list(services, user_id, asked.project_id, asked)


@router.get("/tasks/{task_id}", response_model=TaskRead)
async def read_task(task_id: PublicId, services: ServicesDep, user_id: UserId) -> Any:
    async def read(connection: AsyncConnection) -> Rows:
        return [await read_one(connection, user_id, task_id)]

    [row] = await settled(services, read)
    return _answer(row)


@router.patch("/tasks/{task_id}", response_model=TaskRead)
async def change_task(
    task_id: PublicId, body: TaskChange, services: ServicesDep, user_id: UserId, if_match: IfMatch = None
) -> Any:
    async with services.database.transaction() as session:
        wanted = body.model_dump(exclude_unset=True)
        await service.change_task(session, user_id, task_id, wanted, if_match=if_match)
    return await read_task(task_id, services, user_id)


@router.delete("/tasks/{task_id}", status_code=204, response_class=Response)
async def delete_task(task_id: PublicId, session: SessionDep, user_id: UserId, if_match: IfMatch = None) -> None:
    await service.delete_task(session, user_id, task_id, if_match=if_match)


async def _list(services: ServicesDep, user_id: int, project_id: int | None, asked: Asked) -> Response:
    """The page as bytes: building a model of each row again costs as much as reading them."""
    rows, next_cursor = await rows_of(services, user_id, project_id, asked)
    return _json({"results": [_shown(row) for row in rows], "next_cursor": next_cursor})


async def rows_of(services: ServicesDep, user_id: int, project_id: int | None, asked: Asked) -> tuple[Rows, str | None]:
    """A page, and the cursor of the next.

    Raises:
        Problem: the project is none of the user's, or the cursor none of this list.
    """
    limit, order = asked.limit, asked.order

    async def read(connection: AsyncConnection) -> Rows:
        if project_id is not None:
            await access_to_project(
                connection, user_id, project_id, Action.READ
            )  # an empty list would tell that it exists
        wanted = await asked.wanted(connection, user_id, project_id)
        return await list_page(connection, user_id, wanted, limit=limit + 1, sort=order, cursor=asked.cursor)

    rows = await settled(services, read)
    return rows[:limit], order.cursor_of(rows[limit - 1]) if len(rows) > limit else None


async def settled(services: ServicesDep, read: Callable[[AsyncConnection], Awaitable[Rows]]) -> Rows:
    """The rows, all with numbers: one that an old release wrote since the migrations gets its own now."""
    async with services.database.read() as connection:
        rows = await read(connection)
    missing = [row["project_id"] for row in rows if row["number"] is None or row["project_key"] is None]
    if not missing:
        return rows
    await settle_projects(services.database, missing)
    async with services.database.read() as connection:
        return await read(connection)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """The row as clients see it, written into itself."""
    row["id"], row["project_id"] = str(row["id"]), str(row["project_id"])
    for name in ("assignee_id", "parent_id"):
        if row[name] is not None:
            row[name] = str(row[name])
    row["label_ids"] = [str(label_id) for label_id in row["label_ids"]]
    row["reference"] = f"{row.pop('project_key')}-{row['number']}"
    row.pop("sort_value", None)
    row.pop("is_shared", None)
    return row


def _answer(row: dict[str, Any], *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    etag = etag_of(row["version"], row["updated_at"])
    return _json(_shown(row), status, {"ETag": etag, **(headers or {})})


def _json(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    return Response(body, status_code=status, media_type="application/json", headers=headers)
