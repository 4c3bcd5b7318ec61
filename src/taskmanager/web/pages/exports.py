"""Exports of a project: asked for, waited for, downloaded."""

from __future__ import annotations

from typing import Final, get_args

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from taskmanager.deps import ServicesDep
from taskmanager.exports import service
from taskmanager.exports.formats import Format
from taskmanager.paging import PublicId, decode_cursor, page_of
from taskmanager.problems import Problem, not_found
from taskmanager.web.forms import FormDep
from taskmanager.web.project_frame import read_frame
from taskmanager.web.rendering import page, redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import ViewerDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LINES: Final = 20


@router.get("/app/projects/{project_id}/exports")
async def exports(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, cursor: str | None = None
) -> Response:
    frame = await read_frame(services, viewer, project_id)
    before, user_id = decode_cursor(cursor), viewer.user_id
    async with services.database.read() as connection:
        rows = await service.list_exports(
            connection, services.links, user_id, project_id, before=before, limit=_LINES + 1
        )
    rows, next_cursor = page_of(rows, _LINES)
    return page(
        request,
        "exports.html",
        frame=frame,
        exports=rows,
        is_waiting=any(row["state"] == "queued" for row in rows),
        more=f"/app/projects/{project_id}/exports?cursor={next_cursor}" if next_cursor else None,
    )


@router.post("/app/projects/{project_id}/exports")
async def ask(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    wanted = next((name for name in get_args(Format) if name == form.text("format")), None)
    if wanted is None:
        raise Problem(422, "format-unknown", "an export is written as CSV or JSON")
    async with services.database.transaction() as session:
        await service.request_export(session, viewer.user_id, project_id, wanted)
    return redirect(request, f"/app/projects/{project_id}/exports", "export-requested")


@router.get("/app/exports/{export_id}/download")
async def download(export_id: PublicId, services: ServicesDep, viewer: ViewerDep) -> Response:
    """Go to a link that is good from now on: the page may be older than a link lives."""
    async with services.database.read() as connection:
        export = await service.read_export(connection, services.links, viewer.user_id, export_id)
    if export["state"] == "expired":
        raise Problem(410, "export-expired", "this export has expired; ask for a new one")
    if export["content_url"] is None:
        raise not_found("export")
    return RedirectResponse(export["content_url"], 303)
