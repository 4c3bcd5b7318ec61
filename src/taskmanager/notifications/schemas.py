"""What clients see of notifications."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from taskmanager.paging import PublicId


class NotificationRead(BaseModel):
    """A notification."""

    id: PublicId
    kind: str
    """`reminder`, `assigned` or `comment`; a later release may know more."""
    text: str
    task_id: PublicId | None
    created_at: datetime
    read_at: datetime | None


class UnreadCount(BaseModel):
    """How many are unread."""

    unread: int
