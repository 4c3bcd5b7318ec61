"""What a project is called, its archiving, its end, and what was done in it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from taskmanager.activity.service import activity_of_project
from taskmanager.deps import ServicesDep
from taskmanager.paging import PublicId, decode_cursor, page_of
from taskmanager.problems import Problem
from taskmanager.projects import service
from taskmanager.projects.schemas import ProjectChange
from taskmanager.tasks.reading import numbers_of
from taskmanager.web.browser import HOME
from taskmanager.web.forms import Form, FormDep
from taskmanager.web.history import told
from taskmanager.web.project_frame import read_frame
from taskmanager.web.rendering import page, redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import Viewer, ViewerDep

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/app/projects/{project_id}")
_LINES = 50


@router.get("/settings")
async def settings(request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep) -> Response:
    return await _show(request, services, viewer, project_id, Form())


@router.post("/settings")
async def change(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    values = {name: form.text(name) for name in ("name", "description", "key") if form.has(name)}
    if "key" in values:
        values["key"] = values["key"].strip().upper()
    body = form.check(ProjectChange, **values)
    if body is None:
        return await _show(request, services, viewer, project_id, form, status=422)
    try:
        await _change(services, viewer, project_id, body.model_dump(exclude_unset=True))
    except Problem as problem:
        status = form.refuse(problem, {"key-taken": "key"})
        return await _show(request, services, viewer, project_id, form, status=status)
    return redirect(request, f"/app/projects/{project_id}/settings", "project-changed")


@router.post("/archive")
async def archive(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, _: FormDep
) -> Response:
    await _change(services, viewer, project_id, {"archived": True})
    return redirect(request, f"/app/projects/{project_id}", "project-archived")


@router.post("/restore")
async def restore(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, _: FormDep
) -> Response:
    await _change(services, viewer, project_id, {"archived": False})
    return redirect(request, f"/app/projects/{project_id}", "project-restored")


@router.post("/delete")
async def delete(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    frame = await read_frame(services, viewer, project_id)
    if frame.can_delete and form.text("confirm").strip().upper() != frame.project["key"]:
        form.errors["confirm"] = f"Type {frame.project['key']} to say that you mean it."
        return await _show(request, services, viewer, project_id, form, status=422)
    async with services.database.transaction() as session:
        await service.delete_project(session, viewer.user_id, project_id)
    return redirect(request, HOME, "project-deleted")


@router.get("/activity")
async def activity(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, cursor: str | None = None
) -> Response:
    frame = await read_frame(services, viewer, project_id)
    before = decode_cursor(cursor)
    async with services.database.read() as connection:
        rows = await activity_of_project(connection, viewer.user_id, project_id, before=before, limit=_LINES + 1)
        numbers = await numbers_of(connection, {row["task_id"] for row in rows if row["task_id"] is not None})
    rows, next_cursor = page_of(rows, _LINES)
    lines = [told(row, frame, viewer.zone) for row in rows]
    return page(
        request,
        "activity.html",
        frame=frame,
        lines=lines,
        numbers=numbers,
        more=f"/app/projects/{project_id}/activity?cursor={next_cursor}" if next_cursor else None,
    )


async def _change(services: ServicesDep, viewer: Viewer, project_id: int, wanted: dict[str, object]) -> None:
    async with services.database.transaction() as session:
        await service.change_project(session, viewer.user_id, project_id, wanted)


async def _show(
    request: Request, services: ServicesDep, viewer: Viewer, project_id: int, form: Form, *, status: int = 200
) -> Response:
    frame = await read_frame(services, viewer, project_id)
    return page(request, "project_settings.html", status=status, form=form, frame=frame)
