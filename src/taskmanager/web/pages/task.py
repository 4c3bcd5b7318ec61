"""A task: its fields, its subtasks, its end."""

from __future__ import annotations

import re
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from taskmanager.deps import Services, ServicesDep
from taskmanager.paging import PublicId
from taskmanager.problems import Problem
from taskmanager.tasks import service
from taskmanager.tasks.reading import task_numbered
from taskmanager.tasks.schemas import TaskChange, TaskCreate
from taskmanager.web.forms import Form, FormDep
from taskmanager.web.rendering import redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.task_view import due_fields, read, show
from taskmanager.web.viewer import Viewer, ViewerDep

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/app/tasks/{task_id}")
_REFERENCE: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9]*)-)?([0-9]{1,9})")
_FIELDS: Final = {
    "assignee-unknown": "assignee_id",
    "parent-unknown": "parent",
    "subtask-depth": "parent",
    "label-unknown": "label_ids",
}


@router.get("")
async def task(request: Request, task_id: PublicId, services: ServicesDep, viewer: ViewerDep) -> Response:
    return await show(request, services, viewer, task_id)


@router.post("")
async def save(
    request: Request, task_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    wanted = await _wanted(services, viewer, await read(services, viewer, task_id), form)
    if form.errors:
        return await show(request, services, viewer, task_id, forms={"task": form}, status=422)
    try:
        async with services.database.transaction() as session:
            await service.change_task(session, viewer.user_id, task_id, wanted, if_match=form.text("etag") or None)
    except Problem as problem:
        is_late = problem.code == "version-mismatch"
        status = problem.status if is_late else form.refuse(problem, _FIELDS)
        mine = wanted if is_late else None
        return await show(request, services, viewer, task_id, forms={"task": form}, status=status, mine=mine)
    return redirect(request, f"/app/tasks/{task_id}", "task-changed")


@router.post("/subtasks")
async def add_subtask(
    request: Request, task_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    task = await read(services, viewer, task_id)
    body = form.check(TaskCreate, title=form.text("title"), parent_id=task_id)
    if body is None:
        return await show(request, services, viewer, task_id, forms={"subtask": form}, status=422)
    try:
        async with services.database.transaction() as session:
            await service.create_task(session, viewer.user_id, task["project_id"], body.model_dump())
    except Problem as problem:
        status = form.refuse(problem, {"subtask-depth": "title", "parent-unknown": "title"})
        return await show(request, services, viewer, task_id, forms={"subtask": form}, status=status)
    return redirect(request, f"/app/tasks/{task_id}", "task-added")


@router.post("/delete")
async def delete(request: Request, task_id: PublicId, services: ServicesDep, viewer: ViewerDep, _: FormDep) -> Response:
    task = await read(services, viewer, task_id)
    async with services.database.transaction() as session:
        await service.delete_task(session, viewer.user_id, task_id)
    return redirect(request, f"/app/projects/{task['project_id']}", "task-deleted")


async def _wanted(services: Services, viewer: Viewer, task: dict[str, Any], form: Form) -> dict[str, Any]:
    """What is to change. A field that the form does not have stays: a page of another release may have others."""
    values: dict[str, Any] = {
        name: form.text(name) for name in ("title", "description", "status", "priority") if form.has(name)
    }
    if form.has("assignee_id"):
        values["assignee_id"] = form.text("assignee_id") or None
    if form.has("labels_shown"):  # a form of which no box is ticked has none of their name
        values["label_ids"] = form.many("label_ids")
    shown = due_fields(task, viewer.zone)
    # a form holds no seconds: what is in it as it was shown is not to change
    if form.has("due_day") and (form.text("due_day"), form.text("due_time")) != shown:
        values |= form.due("due_day", "due_time", viewer.zone)
    if form.has("parent"):
        values["parent_id"] = await _parent(services, task, form)
    body = form.check(TaskChange, **values)
    for name in ("due_on", "due_at"):
        if name in form.errors:
            form.errors["due_day"] = form.errors.pop(name)
    return {} if body is None else body.model_dump(exclude_unset=True)


async def _parent(services: Services, task: dict[str, Any], form: Form) -> int | None:
    text = form.text("parent").strip()
    if not text:
        return None
    reference = _REFERENCE.fullmatch(text)
    if reference and (reference[1] or task["project_key"]).upper() == task["project_key"]:
        async with services.database.read() as connection:
            found = await task_numbered(connection, task["project_id"], int(reference[2]))
        if found is not None:
            return found
    form.errors["parent"] = f"There is no such task in this project; write one such as {task['project_key']}-1."
    return None
