"""Reminders, each of the user who set it.

When a reminder is set, a job is put into the outbox that is due at its time. The job looks at the reminder as it is then: one
that was moved has another job, one that is gone is nobody's. So a job that comes too early, twice or in vain does no harm.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from taskmanager.access import Action, access_to_task
from taskmanager.db import now
from taskmanager.jobnames import REMIND
from taskmanager.notifications.service import notify
from taskmanager.outbox.service import cancel, enqueue
from taskmanager.problems import Problem, not_found
from taskmanager.reminders.models import Reminder
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

MOST_OF_A_TASK: Final = 20
"""Of one user for one task."""
_COLUMNS: Final = (
    Reminder.id,
    Reminder.task_id,
    Reminder.remind_at,
    Reminder.minutes_before,
    Reminder.created_at,
    Reminder.fired_at,
)


def time_of(remind_at: datetime | None, minutes_before: int | None, due_at: datetime | None) -> datetime | None:
    """When somebody is reminded; None: not now, since the task has no due moment. Pure."""
    if minutes_before is None:
        return remind_at
    return None if due_at is None else due_at - timedelta(minutes=minutes_before)


async def create_reminder(
    session: AsyncSession, user_id: int, task_id: int, *, remind_at: datetime | None, minutes_before: int | None
) -> Reminder:
    """Remind the user of the task.

    Raises:
        Problem: the user is a stranger to the task, it has too many, no due moment, or the time is over.
    """
    await access_to_task(session, user_id, task_id, Action.READ)
    due_at = await session.scalar(select(Task.due_at).where(Task.id == task_id).with_for_update(read=True))
    moment = time_of(remind_at, minutes_before, due_at)
    if moment is None:
        raise Problem(422, "task-not-due", "the task has no due moment; send remind_at")
    if moment <= now():
        raise Problem(422, "reminder-past", "the time of the reminder is over")
    mine = (Reminder.task_id == task_id, Reminder.user_id == user_id)
    if (await session.scalar(select(func.count()).select_from(Reminder).where(*mine)) or 0) >= MOST_OF_A_TASK:
        raise Problem(409, "too-many-reminders", f"a task has at most {MOST_OF_A_TASK} reminders of yours")
    row = Reminder(task_id=task_id, user_id=user_id, minutes_before=minutes_before, created_at=now())
    row.remind_at = moment
    session.add(row)
    await session.flush()
    await _schedule(session, row)
    return row


async def list_reminders(connection: AsyncConnection, user_id: int, task_id: int) -> list[dict[str, Any]]:
    """The user's reminders of a task, in the order of their times."""
    await access_to_task(connection, user_id, task_id, Action.READ)
    query = select(*_COLUMNS).where(Reminder.task_id == task_id, Reminder.user_id == user_id)
    rows = await connection.execute(query.order_by(Reminder.remind_at, Reminder.id))
    return [dict(row) for row in rows.mappings()]


async def delete_reminder(session: AsyncSession, user_id: int, reminder_id: int) -> None:
    """Forget it.

    Raises:
        Problem: there is none, or it is somebody else's.
    """
    row = await session.get(Reminder, reminder_id, with_for_update=True)
    if row is None or row.user_id != user_id:
        raise not_found("reminder")
    await cancel(session, [_key(row)])
    await session.delete(row)


async def due_changed(session: AsyncSession, task_id: int, due_at: datetime | None) -> None:
    """The task is due at another moment: what is so many minutes before it moves along, as long as that lies ahead."""
    query = select(Reminder).where(
        Reminder.task_id == task_id, Reminder.minutes_before.is_not(None), Reminder.fired_at.is_(None)
    )
    for row in list(await session.scalars(query.with_for_update())):
        moment = time_of(None, row.minutes_before, due_at)
        if moment == row.remind_at:
            continue
        await cancel(session, [_key(row)])
        row.remind_at = moment
        if moment is not None:
            await _schedule(session, row)


async def remind(session: AsyncSession, reminder_id: int) -> bool:
    """Notify whom it is for, once, if it is time; False: it is not, or it was done, or they may not see the task any more."""
    row = await session.get(Reminder, reminder_id, with_for_update=True)
    moment = now()
    if row is None or row.fired_at is not None or row.remind_at is None or row.remind_at > moment:
        return False
    row.fired_at = moment
    try:
        await access_to_task(session, row.user_id, row.task_id, Action.READ)
    except Problem:
        return False
    title = await session.scalar(select(Task.title).where(Task.id == row.task_id))
    return await notify(session, row.user_id, "reminder", f"{title}", key=_key(row), task_id=row.task_id)


async def _schedule(session: AsyncSession, row: Reminder) -> None:
    await enqueue(session, REMIND, _key(row), {"reminder_id": row.id}, due_at=row.remind_at)


def _key(row: Reminder) -> str:
    """Of the job and the notification: a reminder that is moved has another."""
    moment = 0 if row.remind_at is None else int(row.remind_at.timestamp() * 1_000_000)
    return f"reminder-{row.id}-{moment}"
