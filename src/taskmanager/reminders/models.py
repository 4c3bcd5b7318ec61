"""The table of reminders."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime


class Reminder(Base):
    """One user's reminder of one task."""

    __tablename__ = "reminders"
    __table_args__ = (Index("ix_reminders_task_id_user_id", "task_id", "user_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    task_id: Mapped[int] = mapped_column(BigId, ForeignKey("tasks.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    minutes_before: Mapped[int | None] = mapped_column(Integer)
    """Relative to the task's due time; null for a moment that does not move."""
    remind_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Null while the task of a relative one is not due at any time."""
    fired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
