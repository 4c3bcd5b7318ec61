"""Whose task it is: a member's, or nobody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from taskmanager.activity.service import Entry, record
from taskmanager.db import now
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def unassign(session: AsyncSession, actor_id: int, project_id: int, user_id: int) -> None:
    """No task of the project is this user's any more; each tells so."""
    mine = (Task.project_id == project_id, Task.assignee_id == user_id)
    ids = list(await session.scalars(select(Task.id).where(*mine).with_for_update()))
    values = {"assignee_id": None, "version": Task.version + 1, "updated_at": now()}
    await session.execute(update(Task).where(*mine).values(values).execution_options(synchronize_session=False))
    for task_id in ids:
        record(session, actor_id, project_id, [Entry("task", "changed", "assignee_id", user_id)], task_id=task_id)
