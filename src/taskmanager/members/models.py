"""The table of memberships."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime


class Membership(Base):
    """Somebody in a project of somebody else; who made the project, or took their place, has no row."""

    __tablename__ = "memberships"
    __table_args__ = (Index("ix_memberships_user_id_project_id", "user_id", "project_id"),)

    project_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    user_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    role: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
