"""Members over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from taskmanager.deps import ReadDep, SessionDep, UserId
from taskmanager.idempotency.route import CreatingRoute
from taskmanager.members import service
from taskmanager.members.schemas import MemberChange, MemberCreate, MemberRead
from taskmanager.paging import Page, PublicId

router = APIRouter(prefix="/projects/{project_id}/members", tags=["members"], route_class=CreatingRoute)


@router.get("", response_model=Page[MemberRead])
async def list_members(project_id: PublicId, connection: ReadDep, user_id: UserId) -> Any:
    return {"results": await service.list_members(connection, user_id, project_id), "next_cursor": None}


@router.post("", status_code=201, response_model=MemberRead)
async def add_member(project_id: PublicId, body: MemberCreate, session: SessionDep, user_id: UserId) -> Any:
    return await service.add_member(session, user_id, project_id, email=body.email, role=body.role)


@router.patch("/{member_id}", response_model=MemberRead)
async def change_member(
    project_id: PublicId, member_id: PublicId, body: MemberChange, session: SessionDep, user_id: UserId
) -> Any:
    return await service.change_member(session, user_id, project_id, member_id, body.role)


@router.delete("/{member_id}", status_code=204, response_class=Response)
async def remove_member(project_id: PublicId, member_id: PublicId, session: SessionDep, user_id: UserId) -> None:
    await service.remove_member(session, user_id, project_id, member_id)
