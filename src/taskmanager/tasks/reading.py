"""One task, as its members see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from taskmanager.access import is_known_project
from taskmanager.problems import not_found
from taskmanager.tasks.listing import read_rows
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession


async def read_task(database: AsyncConnection | AsyncSession, user_id: int, task_id: int) -> dict[str, Any]:
    """One task.

    Raises:
        Problem: there is none, or the user is a stranger to its project.
    """
    rows = await read_rows(database, Task.id == task_id, is_known_project(user_id, Task.project_id, Task.owner_id))
    if not rows:
        raise not_found("task")
    return rows[0]


async def task_numbered(database: AsyncConnection | AsyncSession, project_id: int, number: int) -> int | None:
    """The id of the project's task with this number; the caller has looked up the right to the project."""
    query = select(Task.id).where(Task.project_id == project_id, Task.number == number)
    found: int | None = (await database.execute(query)).scalar_one_or_none()
    return found


async def numbers_of(database: AsyncConnection | AsyncSession, task_ids: Collection[int]) -> dict[int, int | None]:
    """The numbers of those of these tasks that there are; the caller has looked up the right to them."""
    if not task_ids:
        return {}
    rows = await database.execute(select(Task.id, Task.number).where(Task.id.in_(task_ids)))
    return {row.id: row.number for row in rows}
