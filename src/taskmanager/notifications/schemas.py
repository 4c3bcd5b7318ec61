"""What clients see of notifications."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from taskmanager.paging import PublicId


class NotificationRead(BaseModel):
    """Something to hear of; the ids that are not null say what it is about."""

    id: PublicId
    kind: str
    """For programs: `reminder`, `export-written`, and what later releases add."""
    text: str
    project_id: PublicId | None
    task_id: PublicId | None
    comment_id: PublicId | None
    export_id: PublicId | None
    created_at: datetime
    read_at: datetime | None


class UnreadCount(BaseModel):
    """How many notifications are unread."""

    unread: int
