"""The labels of a project."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from taskmanager.deps import ServicesDep
from taskmanager.labels import service
from taskmanager.labels.schemas import LabelChange, LabelCreate
from taskmanager.paging import PublicId
from taskmanager.problems import Problem
from taskmanager.web.forms import Form, FormDep
from taskmanager.web.project_frame import read_frame
from taskmanager.web.rendering import page, redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.viewer import Viewer, ViewerDep

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/app/projects/{project_id}/labels")
_FIELDS = {"label-taken": "name", "too-many-labels": "name"}


@router.get("")
async def labels(request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep) -> Response:
    return await _show(request, services, viewer, project_id, Form())


@router.post("")
async def make(
    request: Request, project_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    body = form.check(LabelCreate, name=form.text("name"), colour=form.text("colour", "#808080").lower())
    if body is None:
        return await _show(request, services, viewer, project_id, form, status=422)
    try:
        async with services.database.transaction() as session:
            await service.create_label(session, viewer.user_id, project_id, **body.model_dump())
    except Problem as problem:
        return await _show(request, services, viewer, project_id, form, status=form.refuse(problem, _FIELDS))
    return redirect(request, f"/app/projects/{project_id}/labels", "label-made")


@router.post("/{label_id}")
async def change(
    request: Request,
    project_id: PublicId,
    label_id: PublicId,
    services: ServicesDep,
    viewer: ViewerDep,
    form: FormDep,
) -> Response:
    body = form.check(LabelChange, name=form.text("name"), colour=form.text("colour").lower())
    if body is None:
        return await _show(request, services, viewer, project_id, form, changed=label_id, status=422)
    try:
        async with services.database.transaction() as session:
            await service.change_label(session, viewer.user_id, project_id, label_id, body.model_dump())
    except Problem as problem:
        status = form.refuse(problem, _FIELDS)
        return await _show(request, services, viewer, project_id, form, changed=label_id, status=status)
    return redirect(request, f"/app/projects/{project_id}/labels", "label-changed")


@router.post("/{label_id}/delete")
async def delete(
    request: Request,
    project_id: PublicId,
    label_id: PublicId,
    services: ServicesDep,
    viewer: ViewerDep,
    _: FormDep,
) -> Response:
    async with services.database.transaction() as session:
        await service.delete_label(session, viewer.user_id, project_id, label_id)
    return redirect(request, f"/app/projects/{project_id}/labels", "label-deleted")


async def _show(
    request: Request,
    services: ServicesDep,
    viewer: Viewer,
    project_id: int,
    form: Form,
    *,
    changed: int | None = None,
    status: int = 200,
) -> Response:
    """The page; `form` is that of the label `changed`, or of a new one."""
    frame = await read_frame(services, viewer, project_id)
    return page(request, "labels.html", status=status, form=form, frame=frame, changed=changed)
