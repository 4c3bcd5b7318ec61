"""The table of reminders."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime


class Reminder(Base):
    """A user is to be reminded of a task, at a moment or so many minutes before it is due."""

    __tablename__ = "reminders"
    __table_args__ = (Index("ix_reminders_task_id_user_id", "task_id", "user_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    task_id: Mapped[int] = mapped_column(BigId, ForeignKey("tasks.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    remind_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """None: it depends on a due moment that the task has not now."""
    minutes_before: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
