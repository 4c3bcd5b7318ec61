"""Projects over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from taskmanager.deps import Cursor, PageSize, ServicesDep, SessionDep, UserId
from taskmanager.idempotency.route import CreatingRoute
from taskmanager.paging import Page, PublicId, decode_cursor, page_of
from taskmanager.projects import service
from taskmanager.projects.schemas import ProjectChange, ProjectCreate, ProjectRead
from taskmanager.projects.settle import settle_projects

router = APIRouter(prefix="/projects", tags=["projects"], route_class=CreatingRoute)


@router.post("", status_code=201, response_model=ProjectRead)
async def create_project(body: ProjectCreate, session: SessionDep, user_id: UserId, response: Response) -> Any:
    project = await service.create_project(session, user_id, **body.model_dump())
    response.headers["Location"] = f"/projects/{project.id}"
    return await service.read_project(session, user_id, project.id)


@router.get("", response_model=Page[ProjectRead])
async def list_projects(
    services: ServicesDep,
    user_id: UserId,
    limit: PageSize = 50,
    cursor: Cursor = None,
    archived: bool | None = None,  # noqa: FBT001
) -> Any:
    before = decode_cursor(cursor)

    async def read(connection: AsyncConnection) -> list[dict[str, Any]]:
        return await service.list_projects(connection, user_id, before=before, limit=limit + 1, archived=archived)

    results, next_cursor = page_of(await settled(services, read), limit)
    return {"results": results, "next_cursor": next_cursor}


@router.get("/{project_id}", response_model=ProjectRead)
async def read_project(project_id: PublicId, services: ServicesDep, user_id: UserId) -> Any:
    async def read(connection: AsyncConnection) -> list[dict[str, Any]]:
        return [await service.read_project(connection, user_id, project_id)]

    [project] = await settled(services, read)
    return project


@router.patch("/{project_id}", response_model=ProjectRead)
async def change_project(project_id: PublicId, body: ProjectChange, services: ServicesDep, user_id: UserId) -> Any:
    async with services.database.transaction() as session:
        await service.change_project(session, user_id, project_id, body.model_dump(exclude_unset=True))
    return await read_project(project_id, services, user_id)


@router.delete("/{project_id}", status_code=204, response_class=Response)
async def delete_project(project_id: PublicId, session: SessionDep, user_id: UserId) -> None:
    await service.delete_project(session, user_id, project_id)


async def settled(
    services: ServicesDep, read: Callable[[AsyncConnection], Awaitable[list[dict[str, Any]]]]
) -> list[dict[str, Any]]:
    """The rows, all with keys: one that an old release wrote since the migrations gets its own now."""
    async with services.database.read() as connection:
        rows = await read(connection)
    missing = [row["id"] for row in rows if row["key"] is None]
    if not missing:
        return rows
    await settle_projects(services.database, missing)
    async with services.database.read() as connection:
        return await read(connection)
