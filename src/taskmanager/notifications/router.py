"""Notifications over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from taskmanager.deps import Cursor, PageSize, ReadDep, SessionDep, UserId
from taskmanager.notifications import service
from taskmanager.notifications.schemas import NotificationRead, UnreadCount
from taskmanager.paging import Page, PublicId, decode_cursor, page_of

router = APIRouter(tags=["notifications"])


@router.get("/notifications", response_model=Page[NotificationRead])
async def list_notifications(
    connection: ReadDep, user_id: UserId, limit: PageSize = 50, cursor: Cursor = None, *, unread: bool = False
) -> Any:
    before = decode_cursor(cursor)
    rows = await service.list_notifications(connection, user_id, before=before, limit=limit + 1, unread=unread)
    results, next_cursor = page_of(rows, limit)
    return {"results": results, "next_cursor": next_cursor}


@router.get("/notifications/unread-count", response_model=UnreadCount)
async def count_unread(connection: ReadDep, user_id: UserId) -> Any:
    return {"unread": await service.count_unread(connection, user_id)}


@router.post("/notifications/read-all", response_model=UnreadCount)
async def mark_all_read(session: SessionDep, user_id: UserId) -> Any:
    await service.mark_all_read(session, user_id)
    return {"unread": 0}


@router.post("/notifications/{notification_id}/read", response_model=NotificationRead)
async def mark_read(notification_id: PublicId, session: SessionDep, user_id: UserId) -> Any:
    return await service.mark_read(session, user_id, notification_id)
