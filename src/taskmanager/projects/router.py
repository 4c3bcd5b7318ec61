"""Projects over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from taskmanager.deps import Cursor, PageSize, ReadDep, SessionDep, UserId
from taskmanager.paging import Page, PublicId, decode_cursor, page_of
from taskmanager.projects import service
from taskmanager.projects.schemas import ProjectChange, ProjectCreate, ProjectRead

router = APIRouter(prefix="/projects", tags=["projects"])


@router.post("", status_code=201, response_model=ProjectRead)
async def create_project(body: ProjectCreate, session: SessionDep, user_id: UserId, response: Response) -> Any:
    project = await service.create_project(session, user_id, name=body.name, description=body.description)
    response.headers["Location"] = f"/projects/{project.id}"
    return project


@router.get("", response_model=Page[ProjectRead])
async def list_projects(connection: ReadDep, user_id: UserId, limit: PageSize = 50, cursor: Cursor = None) -> Any:
    rows = await service.list_projects(connection, user_id, before=decode_cursor(cursor), limit=limit + 1)
    results, next_cursor = page_of(rows, limit)
    return {"results": results, "next_cursor": next_cursor}


@router.get("/{project_id}", response_model=ProjectRead)
async def read_project(project_id: PublicId, connection: ReadDep, user_id: UserId) -> Any:
    return await service.read_project(connection, user_id, project_id)


@router.patch("/{project_id}", response_model=ProjectRead)
async def change_project(project_id: PublicId, body: ProjectChange, session: SessionDep, user_id: UserId) -> Any:
    return await service.change_project(session, user_id, project_id, body.model_dump(exclude_unset=True))


@router.delete("/{project_id}", status_code=204, response_class=Response)
async def delete_project(project_id: PublicId, session: SessionDep, user_id: UserId) -> None:
    await service.delete_project(session, user_id, project_id)
