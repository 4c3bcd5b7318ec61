"""One task, as its members see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from taskmanager.access import is_known_project
from taskmanager.problems import not_found
from taskmanager.tasks.listing import read_rows
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
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
