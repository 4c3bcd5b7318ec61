"""The activity log over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from taskmanager.activity import service
from taskmanager.activity.schemas import ActivityRead
from taskmanager.deps import Cursor, PageSize, ReadDep, UserId
from taskmanager.paging import Page, PublicId, decode_cursor, page_of

router = APIRouter(tags=["activity"])


@router.get("/projects/{project_id}/activity", response_model=Page[ActivityRead])
async def list_activity_of_project(
    project_id: PublicId, connection: ReadDep, user_id: UserId, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    before = decode_cursor(cursor)
    rows = await service.activity_of_project(connection, user_id, project_id, before=before, limit=limit + 1)
    results, next_cursor = page_of(rows, limit)
    return {"results": results, "next_cursor": next_cursor}


@router.get("/tasks/{task_id}/activity", response_model=Page[ActivityRead])
async def list_activity_of_task(
    task_id: PublicId, connection: ReadDep, user_id: UserId, limit: PageSize = 50, cursor: Cursor = None
) -> Any:
    before = decode_cursor(cursor)
    rows = await service.activity_of_task(connection, user_id, task_id, before=before, limit=limit + 1)
    results, next_cursor = page_of(rows, limit)
    return {"results": results, "next_cursor": next_cursor}
