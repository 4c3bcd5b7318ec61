"""Who is in a project, and as what."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from taskmanager.deps import ServicesDep
from taskmanager.members import service
from taskmanager.members.schemas import MemberChange, MemberCreate
from taskmanager.paging import PublicId
from taskmanager.problems import Problem
from taskmanager.web.browser import HOME
from taskmanager.web.forms import Form, FormDep
from taskmanager.web.project_frame import read_frame
from taskmanager.web.rendering import page, redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import Viewer, ViewerDep

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/app/projects/{project_id}/members")


@router.get("")
async def members(request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep) -> Response:
    return await _show(request, services, viewer, project_id, Form())


@router.post("")
async def add(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    body = form.check(MemberCreate, email=form.text("email"), role=form.text("role", "editor"))
    if body is None:
        return await _show(request, services, viewer, project_id, form, status=422)
    try:
        async with services.database.transaction() as session:
            await service.add_member(session, viewer.user_id, project_id, email=body.email, role=body.role)
    except Problem as problem:
        status = form.refuse(problem, dict.fromkeys(("user-unknown", "member-already", "too-many-members"), "email"))
        return await _show(request, services, viewer, project_id, form, status=status)
    return redirect(request, f"/app/projects/{project_id}/members", "member-added")


@router.post("/{member_id}")
async def change(
    request: Request,
    project_id: PublicId,
    member_id: PublicId,
    services: ServicesDep,
    viewer: ViewerDep,
    form: FormDep,
) -> Response:
    body = form.check(MemberChange, role=form.text("role"))
    if body is None:
        raise Problem(422, "role-unknown", "there is no such role")
    async with services.database.transaction() as session:
        await service.change_member(session, viewer.user_id, project_id, member_id, body.role)
    return redirect(request, f"/app/projects/{project_id}/members", "member-changed")


@router.post("/{member_id}/remove")
async def remove(
    request: Request,
    project_id: PublicId,
    member_id: PublicId,
    services: ServicesDep,
    viewer: ViewerDep,
    _: FormDep,
) -> Response:
    async with services.database.transaction() as session:
        await service.remove_member(session, viewer.user_id, project_id, member_id)
    if member_id == viewer.user_id:
        return redirect(request, HOME, "project-left")
    return redirect(request, f"/app/projects/{project_id}/members", "member-removed")


async def _show(
    request: Request, services: ServicesDep, viewer: Viewer, project_id: int, form: Form, *, status: int = 200
) -> Response:
    frame = await read_frame(services, viewer, project_id)
    return page(request, "members.html", status=status, form=form, frame=frame)
