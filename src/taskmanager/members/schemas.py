"""What clients send and see of members."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from taskmanager.access import Role
from taskmanager.paging import PublicId
from taskmanager.users.schemas import Email


class MemberCreate(BaseModel):
    """Somebody who is registered becomes a member."""

    model_config = ConfigDict(extra="forbid")

    email: Email
    role: Role = Role.EDITOR


class MemberChange(BaseModel):
    """Another role."""

    model_config = ConfigDict(extra="forbid")

    role: Role


class MemberRead(BaseModel):
    """A member."""

    user_id: PublicId
    name: str
    email: str
    role: Role
    created_at: datetime
