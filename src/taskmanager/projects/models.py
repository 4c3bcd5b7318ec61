"""The table of projects."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime


class Project(Base):
    """A project of one owner, and of the members whom the owner lets in."""

    __tablename__ = "projects"
    __table_args__ = (
        Index("ix_projects_owner_id_id", "owner_id", "id"),
        Index("ix_projects_owner_id_key", "owner_id", "key", unique=True),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    """Who made it. They own it without a row in `memberships`."""
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    key: Mapped[str | None] = mapped_column(String(64))
    """OPS of OPS-142. None in a row of a release before keys, until somebody reads it."""
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    task_counter: Mapped[int] = mapped_column(Integer, server_default="0")
    """The highest number that a task of the project has ever had."""
