"""Gives keys to projects and numbers to tasks that were written by a release which knew neither.

A deployment's migrations do it for all rows that there are. While old processes still answer, they write more: whoever
reads such a row settles it first. It is done under the lock of the project's row, so that no number is given twice.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from taskmanager.projects.keys import free_key, key_of
from taskmanager.projects.models import Project
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncSession

    from taskmanager.db import Database

BATCH: Final = 500
"""Rows that one transaction changes: SQLite's other writers wait for it."""
_ATTEMPTS: Final = 5


async def give_key(session: AsyncSession, project: Project) -> None:
    """Write the project's row with a key that its owner has not used yet."""
    wanted = key_of(project.name)
    query = select(Project.key).where(Project.owner_id == project.owner_id, Project.key.startswith(wanted))
    taken = {key for key in await session.scalars(query) if key is not None}
    key = free_key(wanted, taken)
    for attempt in range(_ATTEMPTS):
        try:
            async with session.begin_nested():
                project.key = key
                session.add(project)
                await session.flush()
        except IntegrityError:
            # somebody took it meanwhile, in a transaction that this one does not see: not the next number, but any
            if attempt == _ATTEMPTS - 1:
                raise
            key = f"{wanted[:5]}{random.randrange(10_000, 100_000)}"  # noqa: S311  # no secret
        else:
            return


async def next_number(session: AsyncSession, project_id: int, count: int = 1) -> int:
    """The first of `count` new numbers. Other transactions wait for this one, so that none is given twice.

    Numbers of deleted tasks are not given again. Those of a transaction that is undone are: nobody has seen them.
    """
    raised = update(Project).where(Project.id == project_id).values(task_counter=Project.task_counter + count)
    await session.execute(raised.execution_options(synchronize_session=False))
    last = await session.scalar(select(Project.task_counter).where(Project.id == project_id))
    assert last is not None
    return last - count + 1


async def settle(session: AsyncSession, project_id: int) -> bool:
    """Settle the project and up to BATCH of its tasks, oldest first; False when nothing was left to do."""
    project = await session.get(Project, project_id, with_for_update=True)
    if project is None:
        return False
    had_key = project.key is not None
    if not had_key:
        await give_key(session, project)
    # a locking read: it sees what was written after this transaction began
    query = select(Task.id).where(Task.project_id == project_id, Task.number.is_(None)).order_by(Task.id).limit(BATCH)
    ids = list(await session.scalars(query.with_for_update()))
    if ids:
        first = await next_number(session, project_id, len(ids))
        table: Any = Task.__table__
        statement = update(table).where(table.c.id == bindparam("task")).values(number=bindparam("new_number"))
        rows = [{"task": task_id, "new_number": first + index} for index, task_id in enumerate(ids)]
        await (await session.connection()).execute(statement, rows)
    return bool(ids) or not had_key


async def settle_projects(database: Database, project_ids: Iterable[int]) -> None:
    """Settle these projects, each in transactions of its own."""
    for project_id in sorted(set(project_ids)):
        more = True
        while more:
            async with database.transaction() as session:
                more = await settle(session, project_id)


async def settle_all(database: Database) -> int:
    """Settle all projects that need it; their number."""
    async with database.read() as connection:
        without_key = select(Project.id).where(Project.key.is_(None))
        without_number = select(Task.project_id).where(Task.number.is_(None)).distinct()
        found = set((await connection.execute(without_key)).scalars())
        found |= set((await connection.execute(without_number)).scalars())
    await settle_projects(database, found)
    return len(found)
