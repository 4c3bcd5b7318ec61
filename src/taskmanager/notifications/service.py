"""Notifications, each seen by the user for whom it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import exists, func, select, update
from sqlalchemy.exc import IntegrityError

from taskmanager.db import now
from taskmanager.jobnames import NOTIFY
from taskmanager.notifications.models import Notification
from taskmanager.outbox.service import enqueue
from taskmanager.problems import not_found
from taskmanager.tasks.models import Task
from taskmanager.users.models import User

if TYPE_CHECKING:
    from sqlalchemy import CursorResult
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

LONGEST_TEXT: Final = 500
_COLUMNS: Final = (
    Notification.id,
    Notification.kind,
    Notification.text,
    Notification.task_id,
    Notification.created_at,
    Notification.read_at,
)


async def tell_later(session: AsyncSession, user_id: int, kind: str, text: str, *, key: str, task_id: int) -> None:
    """Let the worker notify somebody, if this transaction is committed."""
    payload = {"key": key, "user_id": user_id, "kind": kind, "text": text[:LONGEST_TEXT], "task_id": task_id}
    await enqueue(session, NOTIFY, f"notify-{key}", payload)


async def notify(
    session: AsyncSession, user_id: int, kind: str, text: str, *, key: str, task_id: int | None = None
) -> bool:
    """Notify a user once under a key; False: it was done before, or user or task are gone."""
    if not await session.scalar(select(exists().where(User.id == user_id))):
        return False
    if task_id is not None and not await session.scalar(select(exists().where(Task.id == task_id))):
        return False
    row = Notification(key=key, user_id=user_id, kind=kind, task_id=task_id, text=text[:LONGEST_TEXT], created_at=now())
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


async def list_notifications(
    connection: AsyncConnection, user_id: int, *, before: int, limit: int, unread: bool = False
) -> list[dict[str, Any]]:
    """Those with an id below `before`, newest first."""
    query = select(*_COLUMNS).where(Notification.user_id == user_id, Notification.id < before)
    if unread:
        query = query.where(Notification.read_at.is_(None))
    rows = await connection.execute(query.order_by(Notification.id.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


async def count_unread(connection: AsyncConnection, user_id: int) -> int:
    query = select(func.count()).select_from(Notification)
    query = query.where(Notification.user_id == user_id, Notification.read_at.is_(None))
    return int((await connection.execute(query)).scalar_one())


async def mark_read(session: AsyncSession, user_id: int, notification_id: int) -> dict[str, Any]:
    """The notification, which is read now.

    Raises:
        Problem: there is none, or it is somebody else's.
    """
    row = await session.get(Notification, notification_id, with_for_update=True)
    if row is None or row.user_id != user_id:
        raise not_found("notification")
    row.read_at = row.read_at or now()
    return {column.key: getattr(row, column.key) for column in _COLUMNS}


async def mark_all_read(session: AsyncSession, user_id: int) -> int:
    """All that are unread are read now; how many."""
    unread = update(Notification).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    statement = unread.values(read_at=now()).execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", await session.execute(statement)).rowcount
