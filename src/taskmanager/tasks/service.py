"""Tasks, seen and changed by the members of their project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import exists, select

from taskmanager.access import Action, access_to_project, access_to_task, is_known_project, is_member
from taskmanager.activity.service import Entry, changes, record
from taskmanager.db import now
from taskmanager.labels.service import labels_of, put_labels
from taskmanager.notifications.service import notify_later
from taskmanager.paging import encode_cursor
from taskmanager.problems import Problem, not_found
from taskmanager.projects.models import Project
from taskmanager.projects.settle import next_number
from taskmanager.reminders.service import task_changed
from taskmanager.tasks.listing import Wanted, list_page
from taskmanager.tasks.models import Task
from taskmanager.tasks.versions import etag_of, require_match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_LABELS: Final = "label_ids"


async def create_task(session: AsyncSession, user_id: int, project_id: int, fields: Mapping[str, Any]) -> Task:
    """A new task in a project.

    Raises:
        Problem: the project is none of the user's to write to, or assignee, parent or a label are none of the project's.
    """
    await access_to_project(session, user_id, project_id, Action.WRITE)
    values = {name: value for name, value in fields.items() if name != _LABELS}
    await _check_assignee(session, project_id, values.get("assignee_id"))
    await _check_parent(session, project_id, None, values.get("parent_id"))
    number = await next_number(session, project_id)
    # read after the number was taken, which locks the project: nobody hands it over until the task is there
    owner_id = await session.scalar(select(Project.owner_id).where(Project.id == project_id))
    moment = now()
    task = Task(owner_id=owner_id, project_id=project_id, number=number, **values)
    task.created_at, task.updated_at = moment, moment
    session.add(task)
    await session.flush()
    if fields.get(_LABELS):
        await put_labels(session, project_id, task.id, fields[_LABELS])
    record(session, user_id, project_id, [Entry("task", "created", new=task.title)], task_id=task.id)
    await _tell_assignee(session, user_id, task)
    return task


async def list_tasks(
    connection: AsyncConnection, user_id: int, *, before: int, limit: int, project_id: int
) -> list[dict[str, Any]]:
    """The tasks of a project with an id below `before`, newest first, if the user is a member of it."""
    query = select(
        exists().where(is_known_project(user_id, Task.project_id, Task.owner_id), Task.project_id == project_id)
    )
    if not (await connection.execute(query)).scalar_one():
        return []
    wanted = Wanted(project_id=project_id)
    return await list_page(connection, user_id, wanted, limit=limit, cursor=encode_cursor(before))


async def change_task(
    session: AsyncSession, user_id: int, task_id: int, wanted: Mapping[str, Any], *, if_match: str | None = None
) -> None:
    """Change the task, and tell of each field that differs.

    Raises:
        Problem: the user may not, the client knows an older version, or a value is none of the project's.
    """
    access = await access_to_task(session, user_id, task_id, Action.WRITE)
    task = await _locked(session, task_id)
    require_match(if_match, etag_of(task.version, task.updated_at))
    after = one_due(wanted)
    before = {name: getattr(task, name) for name in after if name != _LABELS}
    if _LABELS in after:
        before[_LABELS] = await labels_of(session, task_id)
    entries = changes("task", before, after)
    if not entries:
        return
    changed = {entry.field: after[entry.field] for entry in entries if entry.field is not None}
    await _check_assignee(session, access.project_id, changed.get("assignee_id"))
    await _check_parent(session, access.project_id, task_id, changed.get("parent_id"))
    if _LABELS in changed:
        await put_labels(session, access.project_id, task_id, changed.pop(_LABELS))
    for name, value in changed.items():
        setattr(task, name, value)
    task.version += 1
    task.updated_at = now()
    record(session, user_id, access.project_id, entries, task_id=task_id)
    await session.flush()
    if "assignee_id" in changed:
        await _tell_assignee(session, user_id, task)
    if "due_at" in changed:
        await task_changed(session, task)


async def delete_task(session: AsyncSession, user_id: int, task_id: int, *, if_match: str | None = None) -> None:
    """Delete the task and its subtasks.

    Raises:
        Problem: the user may not, or the client knows an older version.
    """
    access = await access_to_task(session, user_id, task_id, Action.WRITE)
    task = await _locked(session, task_id)
    require_match(if_match, etag_of(task.version, task.updated_at))
    subtasks = await session.scalars(select(Task).where(Task.parent_id == task_id).with_for_update())
    for row in (*subtasks, task):
        record(session, user_id, access.project_id, [Entry("task", "deleted", old=row.title)], task_id=row.id)
        await session.delete(row)


def one_due(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The changes, with those that follow from them: a moment takes the place of a day, and a day that of a moment."""
    if wanted.get("due_at") is not None:
        return {**wanted, "due_on": None}
    if wanted.get("due_on") is not None:
        return {**wanted, "due_at": None}
    return dict(wanted)


def parent_refusal(
    *, is_itself: bool, parent_project_id: int | None, project_id: int, parent_is_subtask: bool, has_subtasks: bool
) -> Problem | None:
    """Why a task cannot be a subtask of another; None when it can. `parent_project_id` is None when there is no parent."""
    if parent_project_id != project_id:
        return Problem(422, "parent-unknown", "the parent is no task of the project")
    if is_itself or parent_is_subtask or has_subtasks:
        return Problem(422, "subtask-depth", "subtasks have one level: none of a subtask, of itself, or with subtasks")
    return None


async def _check_assignee(session: AsyncSession, project_id: int, assignee_id: int | None) -> None:
    if assignee_id is not None and not await is_member(session, project_id, assignee_id):
        raise Problem(422, "assignee-unknown", "the assignee is no member of the project")


async def _check_parent(session: AsyncSession, project_id: int, task_id: int | None, parent_id: int | None) -> None:
    if parent_id is None:
        return
    # locked until the end: nobody deletes the parent or makes a subtask of it meanwhile
    query = select(Task.project_id, Task.parent_id).where(Task.id == parent_id).with_for_update(read=True)
    parent = (await session.execute(query)).one_or_none()
    below = task_id is not None and await session.scalar(select(exists().where(Task.parent_id == task_id)))
    refused = parent_refusal(
        is_itself=parent_id == task_id,
        parent_project_id=None if parent is None else parent.project_id,
        project_id=project_id,
        parent_is_subtask=parent is not None and parent.parent_id is not None,
        has_subtasks=bool(below),
    )
    if refused is not None:
        raise refused


async def _tell_assignee(session: AsyncSession, user_id: int, task: Task) -> None:
    """Whoever is given a task by somebody else hears of it."""
    if task.assignee_id is not None and task.assignee_id != user_id:
        subjects = {"project_id": task.project_id, "task_id": task.id}
        key = f"assigned-{task.id}-{task.version}"
        await notify_later(session, task.assignee_id, "assigned", task.title, key=key, **subjects)


async def _locked(session: AsyncSession, task_id: int) -> Task:
    task = await session.get(Task, task_id, with_for_update=True)
    if task is None:  # deleted since the right was looked up
        raise not_found("task")
    return task
