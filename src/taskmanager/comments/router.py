"""Comments over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from taskmanager.comments import service
from taskmanager.comments.schemas import CommentRead, CommentWrite
from taskmanager.deps import Cursor, PageSize, ReadDep, SessionDep, UserId
from taskmanager.idempotency.route import CreatingRoute
from taskmanager.paging import Page, PublicId, decode_cursor, page_of

router = APIRouter(prefix="/tasks/{task_id}/comments", tags=["comments"], route_class=CreatingRoute)


@router.get("", response_model=Page[CommentRead])
async def list_comments(
    task_id: PublicId, connection: ReadDep, user_id: UserId, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    before = decode_cursor(cursor)
    rows = await service.list_comments(connection, user_id, task_id, before=before, limit=limit + 1)
    results, next_cursor = page_of(rows, limit)
    return {"results": results, "next_cursor": next_cursor}


@router.post("", status_code=201, response_model=CommentRead)
async def create_comment(task_id: PublicId, body: CommentWrite, session: SessionDep, user_id: UserId) -> Any:
    return await service.create_comment(session, user_id, task_id, body.body)


@router.patch("/{comment_id}", response_model=CommentRead)
async def change_comment(
    task_id: PublicId, comment_id: PublicId, body: CommentWrite, session: SessionDep, user_id: UserId
) -> Any:
    return await service.change_comment(session, user_id, task_id, comment_id, body.body)


@router.delete("/{comment_id}", status_code=204, response_class=Response)
async def delete_comment(task_id: PublicId, comment_id: PublicId, session: SessionDep, user_id: UserId) -> None:
    await service.delete_comment(session, user_id, task_id, comment_id)
