"""Notifications: made once for each reason, read by their user alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import exists, func, select, update

from taskmanager.db import now
from taskmanager.jobnames import NOTIFY
from taskmanager.notifications.models import Notification
from taskmanager.once import insert_once
from taskmanager.outbox.service import enqueue
from taskmanager.problems import not_found
from taskmanager.users.models import User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

    from taskmanager.db import Database

LONGEST_TEXT: Final = 500
_COLUMNS = (
    Notification.id,
    Notification.kind,
    Notification.text,
    Notification.project_id,
    Notification.task_id,
    Notification.comment_id,
    Notification.export_id,
    Notification.created_at,
    Notification.read_at,
)


async def notify(session: AsyncSession, user_id: int, kind: str, text: str, *, key: str, **subjects: int) -> None:
    """Let somebody hear of something, in this transaction; a second time with the same key nothing happens.

    `subjects` are ids: project_id, task_id, comment_id, export_id. A text that is too long for its column is cut.
    """
    cut = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
    values = {"user_id": user_id, "kind": kind, "text": cut, "unique_key": key, "created_at": now(), **subjects}
    await insert_once(session, Notification, values)


async def notify_later(session: AsyncSession, user_id: int, kind: str, text: str, *, key: str, **subjects: int) -> None:
    """Let the worker notify somebody, once this transaction is committed: whoever decides it waits for nothing."""
    payload = {"user_id": user_id, "kind": kind, "text": text[:LONGEST_TEXT], "key": key, "subjects": subjects}
    await enqueue(session, NOTIFY, f"notify-{key}", payload)


async def deliver(
    database: Database, user_id: int, kind: str, text: str, *, key: str, subjects: Mapping[str, int]
) -> bool:
    """Do what `notify_later` wanted; False: the user is gone."""
    async with database.transaction() as session:
        if not await session.scalar(select(exists().where(User.id == user_id))):
            return False
        await notify(session, user_id, kind, text, key=key, **subjects)
    return True


async def list_notifications(
    connection: AsyncConnection, user_id: int, *, before: int, limit: int, unread: bool = False, read: bool = False
) -> list[dict[str, Any]]:
    """The user's notifications with an id below `before`, newest first; all, or only those of one kind."""
    query = select(*_COLUMNS).where(Notification.user_id == user_id, Notification.id < before)
    if unread:
        query = query.where(Notification.read_at.is_(None))
    if read:
        query = query.where(Notification.read_at.is_not(None))
    rows = await connection.execute(query.order_by(Notification.id.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


async def count_unread(connection: AsyncConnection, user_id: int) -> int:
    query = select(func.count()).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    return int((await connection.execute(query)).scalar_one())


async def mark_read(session: AsyncSession, user_id: int, notification_id: int) -> Notification:
    """Mark one as read; when it was read first stays.

    Raises:
        Problem: there is none, or it is for somebody else.
    """
    notification = await session.get(Notification, notification_id)
    if notification is None or notification.user_id != user_id:
        raise not_found("notification")
    notification.read_at = notification.read_at or now()
    return notification


async def mark_all_read(session: AsyncSession, user_id: int) -> None:
    unread = Notification.user_id == user_id, Notification.read_at.is_(None)
    await session.execute(update(Notification).where(*unread).values(read_at=now()))
