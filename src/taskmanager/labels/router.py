"""Labels over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from taskmanager.deps import ReadDep, SessionDep, UserId
from taskmanager.idempotency.route import CreatingRoute
from taskmanager.labels import service
from taskmanager.labels.schemas import LabelChange, LabelCreate, LabelRead
from taskmanager.paging import Page, PublicId

router = APIRouter(prefix="/projects/{project_id}/labels", tags=["labels"], route_class=CreatingRoute)


@router.get("", response_model=Page[LabelRead])
async def list_labels(project_id: PublicId, connection: ReadDep, user_id: UserId) -> Any:
    return {"results": await service.list_labels(connection, user_id, project_id), "next_cursor": None}


@router.post("", status_code=201, response_model=LabelRead)
async def create_label(project_id: PublicId, body: LabelCreate, session: SessionDep, user_id: UserId) -> Any:
    return await service.create_label(session, user_id, project_id, **body.model_dump())


@router.patch("/{label_id}", response_model=LabelRead)
async def change_label(
    project_id: PublicId, label_id: PublicId, body: LabelChange, session: SessionDep, user_id: UserId
) -> Any:
    return await service.change_label(session, user_id, project_id, label_id, body.model_dump(exclude_unset=True))


@router.delete("/{label_id}", status_code=204, response_class=Response)
async def delete_label(project_id: PublicId, label_id: PublicId, session: SessionDep, user_id: UserId) -> None:
    await service.delete_label(session, user_id, project_id, label_id)
