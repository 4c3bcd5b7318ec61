"""A task with all that hangs on it, as its page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from taskmanager.activity.service import activity_of_task
from taskmanager.comments.service import list_comments
from taskmanager.paging import decode_cursor, page_of
from taskmanager.problems import Problem
from taskmanager.reminders.service import list_reminders
from taskmanager.tasks.filters import Asked
from taskmanager.tasks.reading import read_task
from taskmanager.tasks.router import rows_of, settled
from taskmanager.tasks.versions import etag_of
from taskmanager.web.history import told
from taskmanager.web.project_frame import read_frame
from taskmanager.web.rendering import PRIORITIES, STATUSES, page
from taskmanager.web.times import day_and_time, day_text, moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from fastapi import Request, Response
    from sqlalchemy.ext.asyncio import AsyncConnection

    from taskmanager.deps import Services
    from taskmanager.web.forms import Form
    from taskmanager.web.project_frame import Frame
    from taskmanager.web.viewer import Viewer

_COMMENTS: Final = 20
_LINES: Final = 10
_SUBTASKS: Final = 100
BEFORE_DUE: Final = {
    0: "when it is due",
    10: "10 minutes before",
    60: "an hour before",
    1440: "a day before",
    10080: "a week before",
}
_NAMES: Final = {
    "title": "Title",
    "description": "Description",
    "status": "Status",
    "priority": "Priority",
    "assignee_id": "Assignee",
    "due_at": "Due",
    "due_on": "Due",
    "parent_id": "Part of",
    "label_ids": "Labels",
}


async def read(services: Services, viewer: Viewer, task_id: int) -> dict[str, Any]:
    """The task, with its number and key.

    Raises:
        Problem: there is none, or the viewer is a stranger to it.
    """

    async def read_one(connection: AsyncConnection) -> list[dict[str, Any]]:
        return [await read_task(connection, viewer.user_id, task_id)]

    [row] = await settled(services, read_one)
    return row


async def show(
    request: Request,
    services: Services,
    viewer: Viewer,
    task_id: int,
    *,
    forms: Mapping[str, Form] | None = None,
    status: int = 200,
    mine: Mapping[str, Any] | None = None,
) -> Response:
    """The page; `forms` are those that were sent and not done, by their names.

    `mine`: what the viewer wanted of a task that somebody else has changed meanwhile; both are shown.
    """
    task, query = await read(services, viewer, task_id), request.query_params
    frame = await read_frame(services, viewer, task["project_id"])
    before_comment, before_line = decode_cursor(query.get("comments")), decode_cursor(query.get("activity"))
    user_id = viewer.user_id
    async with services.database.read() as connection:
        comments = await list_comments(connection, user_id, task_id, before=before_comment, limit=_COMMENTS + 1)
        lines = await activity_of_task(connection, user_id, task_id, before=before_line, limit=_LINES + 1)
        reminders = await list_reminders(connection, user_id, task_id)
        parent = await _parent(connection, user_id, task["parent_id"])
    asked = Asked(parent_id=task_id, sort="id", limit=_SUBTASKS)
    subtasks, _ = await rows_of(services, user_id, task["project_id"], asked)
    comments, more_comments = page_of(comments, _COMMENTS)
    lines, more_lines = page_of(lines, _LINES)
    due_day, due_time = due_fields(task, viewer.zone)
    return page(
        request,
        "task.html",
        status=status,
        forms=forms or {},
        task=task,
        frame=frame,
        parent=parent,
        subtasks=subtasks,
        comments=comments,
        more_comments=f"/app/tasks/{task_id}?comments={more_comments}" if more_comments else None,
        lines=[told(line, frame, viewer.zone) for line in lines],
        more_lines=f"/app/tasks/{task_id}?activity={more_lines}" if more_lines else None,
        reminders=reminders,
        before_due=BEFORE_DUE,
        due_day=due_day,
        due_time=due_time,
        etag=etag_of(task["version"], task["updated_at"]),
        conflict=None if mine is None else differences(task, mine, frame, viewer.zone),
    )


async def _parent(connection: AsyncConnection, user_id: int, parent_id: int | None) -> dict[str, Any] | None:
    if parent_id is None:
        return None
    try:
        return await read_task(connection, user_id, parent_id)
    except Problem:  # a release that knows no subtasks deletes their parent alone
        return None


def due_fields(task: Mapping[str, Any], zone: tzinfo) -> tuple[str, str]:
    """Day and time at which the task is due, as its form holds them."""
    if task["due_on"] is not None:
        return task["due_on"].isoformat(), ""
    return day_and_time(task["due_at"], zone)


def differences(
    theirs: Mapping[str, Any], mine: Mapping[str, Any], frame: Frame, zone: tzinfo
) -> list[tuple[str, str, str]]:
    """The name, their and my value of each field that differs."""
    found: dict[str, tuple[str, str, str]] = {}
    for name, value in mine.items():
        if theirs[name] != value:
            there, here = (_text(name, one, frame, zone) for one in (theirs[name], value))
            if _NAMES[name] in found:  # due on a day instead of at a moment: one of each is none
                _, old_there, old_here = found[_NAMES[name]]
                there, here = "".join({there, old_there} - {"none"}), "".join({here, old_here} - {"none"})
            found[_NAMES[name]] = (_NAMES[name], there or "none", here or "none")
    return list(found.values())


def _text(name: str, value: Any, frame: Frame, zone: tzinfo) -> str:
    if value in (None, "", []):
        return "none"
    match name:
        case "status":
            return STATUSES[value]
        case "priority":
            return PRIORITIES[value]
        case "assignee_id":
            return frame.names.get(value, "somebody who has left")
        case "label_ids":
            return ", ".join(frame.labels_by_id[one]["name"] for one in value if one in frame.labels_by_id)
        case "due_at":
            return moment_text(value, zone)
        case "due_on":
            return day_text(value)
        case "parent_id":
            return "another task"
        case _:
            return str(value)
