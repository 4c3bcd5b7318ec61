"""What people say of a task, and when they want to hear of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from taskmanager.comments import service as comments
from taskmanager.comments.schemas import CommentWrite
from taskmanager.deps import ServicesDep
from taskmanager.paging import PublicId
from taskmanager.problems import Problem
from taskmanager.reminders import service as reminders
from taskmanager.reminders.schemas import ReminderCreate
from taskmanager.web.forms import Form, FormDep
from taskmanager.web.rendering import redirect
from taskmanager.web.route import PageRoute
from taskmanager.web.task_view import read, show
from taskmanager.web.times import NoSuchTime, moment_at
from taskmanager.web.viewer import Viewer, ViewerDep

router = APIRouter(route_class=PageRoute, include_in_schema=False, prefix="/app/tasks/{task_id}")


@router.post("/comments")
async def comment(
    request: Request, task_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    body = form.check(CommentWrite, body=form.text("body"))
    if body is None:
        return await show(request, services, viewer, task_id, forms={"comment": form}, status=422)
    async with services.database.transaction() as session:
        await comments.create_comment(session, viewer.user_id, task_id, body.body)
    return redirect(request, f"/app/tasks/{task_id}", "comment-added")


@router.post("/comments/{comment_id}")
async def change_comment(
    request: Request, task_id: PublicId, comment_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    body = form.check(CommentWrite, body=form.text("body"))
    if body is None:
        return await show(request, services, viewer, task_id, forms={f"comment-{comment_id}": form}, status=422)
    async with services.database.transaction() as session:
        await comments.change_comment(session, viewer.user_id, task_id, comment_id, body.body)
    return redirect(request, f"/app/tasks/{task_id}", "comment-changed")


@router.post("/comments/{comment_id}/delete")
async def delete_comment(
    request: Request, task_id: PublicId, comment_id: PublicId, services: ServicesDep, viewer: ViewerDep, _: FormDep
) -> Response:
    async with services.database.transaction() as session:
        await comments.delete_comment(session, viewer.user_id, task_id, comment_id)
    return redirect(request, f"/app/tasks/{task_id}", "comment-deleted")


@router.post("/reminders")
async def remind(
    request: Request, task_id: PublicId, services: ServicesDep, viewer: ViewerDep, form: FormDep
) -> Response:
    """Set a reminder: before the task is due where the form says so, else at the day and time that it says."""
    await read(services, viewer, task_id)
    place = "minutes_before" if form.text("minutes_before") else "remind_day"
    body = _wanted(form, viewer)
    if body is None:
        return await show(request, services, viewer, task_id, forms={"reminder": form}, status=422)
    try:
        async with services.database.transaction() as session:
            await reminders.create_reminder(session, viewer.user_id, task_id, **body.model_dump())
    except Problem as problem:
        codes = ("task-not-due", "reminder-in-past", "reminder-too-far", "too-many-reminders")
        status = form.refuse(problem, dict.fromkeys(codes, place))
        return await show(request, services, viewer, task_id, forms={"reminder": form}, status=status)
    return redirect(request, f"/app/tasks/{task_id}", "reminder-set")


@router.post("/reminders/{reminder_id}/delete")
async def delete_reminder(
    request: Request, task_id: PublicId, reminder_id: PublicId, services: ServicesDep, viewer: ViewerDep, _: FormDep
) -> Response:
    async with services.database.transaction() as session:
        await reminders.delete_reminder(session, viewer.user_id, task_id, reminder_id)
    return redirect(request, f"/app/tasks/{task_id}", "reminder-deleted")


def _wanted(form: Form, viewer: Viewer) -> ReminderCreate | None:
    values: dict[str, Any] = {"minutes_before": form.text("minutes_before")}
    if not values["minutes_before"]:
        try:
            values = {"remind_at": moment_at(form.text("remind_day"), form.text("remind_time"), viewer.zone)}
        except NoSuchTime as error:
            form.errors["remind_time" if "time" in str(error) else "remind_day"] = str(error)
            return None
    body = form.check(ReminderCreate, **values)
    if "remind_at" in form.errors:
        form.errors["remind_day"] = form.errors.pop("remind_at")
    return body
