"""Exports over HTTP: asked for at a project, read when the worker has written them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from taskmanager.deps import Cursor, PageSize, ReadDep, SessionDep, UserId
from taskmanager.exports import service
from taskmanager.exports.schemas import ExportRead
from taskmanager.idempotency.route import CreatingRoute
from taskmanager.paging import Page, PublicId, decode_cursor, page_of
from taskmanager.projects.service import read_project

router = APIRouter(tags=["exports"], route_class=CreatingRoute)


@router.post("/projects/{project_id}/export", status_code=202, response_model=ExportRead)
async def request_export(project_id: PublicId, session: SessionDep, user_id: UserId, response: Response) -> Any:
    export = await service.request_export(session, user_id, project_id)
    response.headers["Location"] = f"/exports/{export.id}"
    return await service.read_export(session, user_id, export.id)


@router.get("/projects/{project_id}/exports", response_model=Page[ExportRead])
async def list_exports(
    project_id: PublicId, connection: ReadDep, user_id: UserId, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    before = decode_cursor(cursor)
    await read_project(connection, user_id, project_id)
    rows = await service.list_exports(connection, user_id, project_id, before=before, limit=limit + 1)
    results, next_cursor = page_of(rows, limit)
    return {"results": results, "next_cursor": next_cursor}


@router.get("/exports/{export_id}", response_model=ExportRead)
async def read_export(export_id: PublicId, connection: ReadDep, user_id: UserId) -> Any:
    return await service.read_export(connection, user_id, export_id)


@router.get("/exports/{export_id}/content")
async def read_export_content(export_id: PublicId, connection: ReadDep, user_id: UserId) -> Response:
    content = await service.read_export_content(connection, user_id, export_id)
    name = f'attachment; filename="export-{export_id}.json"'
    return Response(content, media_type="application/json", headers={"Content-Disposition": name})
