"""Notifications over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from taskmanager.deps import Cursor, PageSize, ReadDep, SessionDep, UserId
from taskmanager.notifications import service
from taskmanager.notifications.schemas import NotificationRead, UnreadCount
from taskmanager.paging import Page, PublicId, decode_cursor, page_of

router = APIRouter(prefix="/notifications", tags=["notifications"])


@router.get("", response_model=Page[NotificationRead])
async def list_notifications(
    connection: ReadDep,
    user_id: UserId,
    limit: PageSize = 50,
    cursor: Cursor = None,
    unread: Annotated[bool, Query(description="Only those that are not read.")] = False,  # noqa: FBT002  # a parameter of HTTP
) -> Any:
    rows = await service.list_notifications(
        connection, user_id, before=decode_cursor(cursor), limit=limit + 1, unread=unread
    )
    results, next_cursor = page_of(rows, limit)
    return {"results": results, "next_cursor": next_cursor}


@router.get("/unread-count")
async def count_unread(connection: ReadDep, user_id: UserId) -> UnreadCount:
    return UnreadCount(unread=await service.count_unread(connection, user_id))


@router.post("/{notification_id}/read", response_model=NotificationRead)
async def mark_read(notification_id: PublicId, session: SessionDep, user_id: UserId) -> Any:
    return await service.mark_read(session, user_id, notification_id)


@router.post("/read-all", status_code=204, response_class=Response)
async def mark_all_read(session: SessionDep, user_id: UserId) -> None:
    await service.mark_all_read(session, user_id)
