"""Tasks, each seen and changed by its owner alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from taskmanager.db import now
from taskmanager.problems import not_found
from taskmanager.projects.service import own_project
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_COLUMNS = (
    Task.id,
    Task.project_id,
    Task.title,
    Task.description,
    Task.status,
    Task.priority,
    Task.due_at,
    Task.created_at,
    Task.updated_at,
)


async def create_task(session: AsyncSession, owner_id: int, project_id: int, fields: Mapping[str, Any]) -> Task:
    """A new task in a project.

    Raises:
        Problem: there is no such project, or it belongs to somebody else.
    """
    await own_project(session, owner_id, project_id)
    moment = now()
    task = Task(owner_id=owner_id, project_id=project_id, created_at=moment, updated_at=moment, **fields)
    session.add(task)
    await session.flush()
    return task


async def list_tasks(
    connection: AsyncConnection,
    owner_id: int,
    *,
    before: int,
    limit: int,
    project_id: int | None = None,
    status: str | None = None,
) -> list[dict[str, Any]]:
    """The owner's tasks with an id below `before`, newest first."""
    query = select(*_COLUMNS).where(Task.owner_id == owner_id, Task.id < before)
    if project_id is not None:
        query = query.where(Task.project_id == project_id)
    if status is not None:
        query = query.where(Task.status == status)
    rows = await connection.execute(query.order_by(Task.id.desc()).limit(limit))
    names = tuple(rows.keys())
    return [dict(zip(names, row, strict=True)) for row in rows]


async def read_task(connection: AsyncConnection, owner_id: int, task_id: int) -> dict[str, Any]:
    """One task.

    Raises:
        Problem: there is none, or it belongs to somebody else.
    """
    query = select(*_COLUMNS).where(Task.id == task_id, Task.owner_id == owner_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found("task")
    return dict(row)


async def change_task(session: AsyncSession, owner_id: int, task_id: int, changes: Mapping[str, Any]) -> Task:
    task = await _own_task(session, owner_id, task_id)
    for name, value in changes.items():
        setattr(task, name, value)
    task.updated_at = now()
    return task


async def delete_task(session: AsyncSession, owner_id: int, task_id: int) -> None:
    await session.delete(await _own_task(session, owner_id, task_id))


async def _own_task(session: AsyncSession, owner_id: int, task_id: int) -> Task:
    task = await session.get(Task, task_id)
    if task is None or task.owner_id != owner_id:
        raise not_found("task")
    return task
