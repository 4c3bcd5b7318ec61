"""Exports over HTTP: asked for at a project, read when the worker has written them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from taskmanager.db import now
from taskmanager.deps import Cursor, MaybeUserId, PageSize, ReadDep, ServicesDep, SessionDep, UserId, missing_token
from taskmanager.exports import service
from taskmanager.exports.formats import MEDIA_TYPES
from taskmanager.exports.schemas import ExportRead, LinkToken, WantedFormat
from taskmanager.idempotency.route import CreatingRoute
from taskmanager.paging import Page, PublicId, decode_cursor, page_of
from taskmanager.projects.service import read_project

router = APIRouter(tags=["exports"], route_class=CreatingRoute)


@router.post("/projects/{project_id}/export", status_code=202, response_model=ExportRead)
async def request_export(
    project_id: PublicId,
    services: ServicesDep,
    session: SessionDep,
    user_id: UserId,
    response: Response,
    format: WantedFormat = "json",  # noqa: A002  # the name of the parameter
) -> Any:
    export = await service.request_export(session, user_id, project_id, format, most=services.limits.unfinished_exports)
    response.headers["Location"] = f"/exports/{export.id}"
    return await service.read_export(session, services.links, user_id, export.id)


@router.get("/projects/{project_id}/exports", response_model=Page[ExportRead])
async def list_exports(
    project_id: PublicId,
    services: ServicesDep,
    connection: ReadDep,
    user_id: UserId,
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Any:
    before = decode_cursor(cursor)
    await read_project(connection, user_id, project_id)
    rows = await service.list_exports(connection, services.links, user_id, project_id, before=before, limit=limit + 1)
    results, next_cursor = page_of(rows, limit)
    return {"results": results, "next_cursor": next_cursor}


@router.get("/exports/{export_id}", response_model=ExportRead)
async def read_export(export_id: PublicId, services: ServicesDep, connection: ReadDep, user_id: UserId) -> Any:
    return await service.read_export(connection, services.links, user_id, export_id)


@router.get("/exports/{export_id}/content")
async def read_export_content(
    export_id: PublicId, services: ServicesDep, user_id: MaybeUserId, token: LinkToken = None
) -> Response:
    if token is not None:
        services.links.check(export_id, token, now())
        user_id = None
    elif user_id is None:
        raise missing_token()
    form, pieces = await service.open_content(services.database, export_id, user_id=user_id)
    headers = {
        "Content-Disposition": f'attachment; filename="export-{export_id}.{form}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[form], headers=headers)
