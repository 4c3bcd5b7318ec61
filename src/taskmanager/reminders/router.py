"""Reminders over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from taskmanager.deps import ReadDep, SessionDep, UserId
from taskmanager.idempotency.route import CreatingRoute
from taskmanager.paging import PublicId
from taskmanager.reminders import service
from taskmanager.reminders.schemas import ReminderCreate, ReminderRead, Reminders

router = APIRouter(prefix="/tasks/{task_id}/reminders", tags=["reminders"], route_class=CreatingRoute)


@router.post("", status_code=201, response_model=ReminderRead)
async def create_reminder(task_id: PublicId, body: ReminderCreate, session: SessionDep, user_id: UserId) -> Any:
    return await service.create_reminder(
        session, user_id, task_id, remind_at=body.remind_at, minutes_before=body.minutes_before
    )


@router.get("", response_model=Reminders)
async def list_reminders(task_id: PublicId, connection: ReadDep, user_id: UserId) -> Any:
    return {"results": await service.list_reminders(connection, user_id, task_id)}


@router.delete("/{reminder_id}", status_code=204, response_class=Response)
async def delete_reminder(task_id: PublicId, reminder_id: PublicId, session: SessionDep, user_id: UserId) -> None:
    await service.delete_reminder(session, user_id, task_id, reminder_id)
