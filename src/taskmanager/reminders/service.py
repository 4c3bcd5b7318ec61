"""Reminders. Each is a row, and a job in the outbox that is available at its moment: the outbox is the clock.

A job whose reminder was deleted or moved meanwhile finds that out and does nothing; a moved one has a job of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select

from taskmanager.db import now
from taskmanager.jobnames import FIRE_REMINDER
from taskmanager.notifications.service import notify
from taskmanager.outbox.models import OutboxRow
from taskmanager.outbox.service import enqueue
from taskmanager.problems import Problem, not_found
from taskmanager.reminders.models import Reminder
from taskmanager.reminders.rules import MOST, moment_of, moved
from taskmanager.tasks.reading import read_task

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

    from taskmanager.db import Database
    from taskmanager.tasks.models import Task

_COLUMNS = (
    Reminder.id,
    Reminder.task_id,
    Reminder.remind_at,
    Reminder.minutes_before,
    Reminder.fired_at,
    Reminder.created_at,
)


async def create_reminder(
    session: AsyncSession, user_id: int, task_id: int, *, remind_at: datetime | None, minutes_before: int | None
) -> Reminder:
    """A new reminder of a task for the one who asks.

    Raises:
        Problem: there is no such task for them, the moment is none for a reminder, or they have enough of them.
    """
    task = await read_task(session, user_id, task_id)
    moment = now()
    when = moment_of(moment, remind_at=remind_at, minutes_before=minutes_before, due_at=task["due_at"])
    own = Reminder.task_id == task_id, Reminder.user_id == user_id
    if (await session.execute(select(func.count()).where(*own))).scalar_one() >= MOST:
        raise Problem(409, "too-many-reminders", f"a task has at most {MOST} reminders of one user")
    reminder = Reminder(
        task_id=task_id, user_id=user_id, minutes_before=minutes_before, remind_at=when, created_at=moment
    )
    session.add(reminder)
    await session.flush()
    await _set(session, reminder.id, when)
    return reminder


async def list_reminders(connection: AsyncConnection, user_id: int, task_id: int) -> list[dict[str, Any]]:
    """One's own reminders of a task, oldest first.

    Raises:
        Problem: there is no such task for them.
    """
    await read_task(connection, user_id, task_id)
    query = select(*_COLUMNS).where(Reminder.task_id == task_id, Reminder.user_id == user_id)
    rows = await connection.execute(query.order_by(Reminder.id))
    return [dict(row) for row in rows.mappings()]


async def delete_reminder(session: AsyncSession, user_id: int, task_id: int, reminder_id: int) -> None:
    """Delete one's own reminder.

    Raises:
        Problem: there is none, or it is somebody else's.
    """
    reminder = await session.get(Reminder, reminder_id)
    if reminder is None or (reminder.user_id, reminder.task_id) != (user_id, task_id):
        raise not_found("reminder")
    await _unset(session, reminder)
    await session.delete(reminder)


async def task_changed(session: AsyncSession, task: Task) -> None:
    """Move the relative reminders of a task with its due time. Whoever changes a task calls this in the same transaction.

    A deleted task takes its reminders with it, by the database's own rule; their jobs find nothing.
    """
    relative = Reminder.task_id == task.id, Reminder.minutes_before.is_not(None)
    moment = now()
    for reminder in (await session.scalars(select(Reminder).where(*relative))).all():
        assert reminder.minutes_before is not None
        remind_at, fired_at, is_new = moved(
            moment,
            minutes_before=reminder.minutes_before,
            due_at=task.due_at,
            remind_at=reminder.remind_at,
            fired_at=reminder.fired_at,
        )
        if remind_at != reminder.remind_at:
            await _unset(session, reminder)
        reminder.remind_at, reminder.fired_at = remind_at, fired_at
        if is_new and remind_at is not None:
            await _set(session, reminder.id, remind_at)


async def fire(database: Database, reminder_id: int, remind_at: datetime) -> bool:
    """Notify the reminder's user, once; False: it was deleted, moved or fired meanwhile, or the task is done or out of reach."""
    async with database.transaction() as session:
        reminder = await session.get(Reminder, reminder_id, with_for_update=True)
        if reminder is None or reminder.remind_at != remind_at or reminder.fired_at is not None:
            return False
        reminder.fired_at = now()
        try:
            task = await read_task(session, reminder.user_id, reminder.task_id)
        except Problem:  # the user may not see the task any more
            return False
        if task["status"] == "done":
            return False
        await notify(
            session,
            reminder.user_id,
            "reminder",
            task["title"],
            key=_key(reminder_id, remind_at),
            project_id=task["project_id"],
            task_id=reminder.task_id,
        )
    return True


def _key(reminder_id: int, remind_at: datetime) -> str:
    return f"reminder-{reminder_id}-{remind_at.isoformat()}"


async def _set(session: AsyncSession, reminder_id: int, remind_at: datetime) -> None:
    payload = {"reminder_id": reminder_id, "remind_at": remind_at.isoformat()}
    await enqueue(session, FIRE_REMINDER, _key(reminder_id, remind_at), payload, available_at=remind_at)


async def _unset(session: AsyncSession, reminder: Reminder) -> None:
    """Take the job back that waits for its moment. One that was sent already does nothing."""
    if reminder.remind_at is not None:
        waiting = OutboxRow.unique_key == _key(reminder.id, reminder.remind_at), OutboxRow.sent_at.is_(None)
        await session.execute(delete(OutboxRow).where(*waiting))
