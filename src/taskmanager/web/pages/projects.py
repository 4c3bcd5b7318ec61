"""The list of projects, and making one."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from taskmanager.deps import ServicesDep
from taskmanager.problems import Problem
from taskmanager.projects import router as api
from taskmanager.projects import service
from taskmanager.projects.schemas import ProjectCreate
from taskmanager.web.forms import Form, FormDep
from taskmanager.web.rendering import page, redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import ViewerDep

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/app/projects")
async def projects(
    request: Request, services: ServicesDep, viewer: ViewerDep, cursor: str | None = None, archived: str = ""
) -> Response:
    return await _show(request, services, viewer, Form(), cursor=cursor, archived=bool(archived))


@router.post("/app/projects")
async def make_project(request: Request, services: ServicesDep, viewer: ViewerDep, form: FormDep) -> Response:
    key = form.text("key").strip().upper() or None
    body = form.check(ProjectCreate, name=form.text("name"), description=form.text("description"), key=key)
    if body is None:
        return await _show(request, services, viewer, form, status=422)
    try:
        async with services.database.transaction() as session:
            made = await service.create_project(session, viewer.user_id, **body.model_dump())
    except Problem as problem:
        status = form.refuse(problem, {"key-taken": "key"})
        return await _show(request, services, viewer, form, status=status)
    return redirect(request, f"/app/projects/{made.id}", "project-made")


async def _show(
    request: Request,
    services: ServicesDep,
    viewer: ViewerDep,
    form: Form,
    *,
    status: int = 200,
    cursor: str | None = None,
    archived: bool = False,
) -> Response:
    found = await api.list_projects(services, viewer.user_id, limit=50, cursor=cursor, archived=archived)
    return page(
        request,
        "projects.html",
        status=status,
        form=form,
        projects=found["results"],
        next_cursor=found["next_cursor"],
        archived=archived,
        is_first=cursor is None,
    )
