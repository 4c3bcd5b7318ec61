"""What clients see of the activity log."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from taskmanager.paging import PublicId


class ActivityRead(BaseModel):
    """One change of one field, or that something was made or deleted."""

    id: PublicId
    project_id: PublicId
    task_id: PublicId | None
    actor_id: PublicId | None
    subject: str
    action: str
    field: str | None
    old_value: str | None
    new_value: str | None
    created_at: datetime
