"""The table of tasks."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Computed, Date, ForeignKey, Index, Integer, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime
from taskmanager.tasks.due import DueSort


class Task(Base):
    """A task of a project. The project's owner is written here too: the list of somebody's tasks is the hot read."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("ix_tasks_owner_id_id", "owner_id", "id"),
        Index("ix_tasks_project_id_id", "project_id", "id"),
        Index("ix_tasks_project_id_number", "project_id", "number", unique=True),
        Index("ix_tasks_assignee_id_id", "assignee_id", "id"),
        Index("ix_tasks_parent_id_id", "parent_id", "id"),
        Index("ix_tasks_owner_id_due_sort_id", "owner_id", "due_sort", "id"),
        Index("ix_tasks_project_id_due_sort_id", "project_id", "due_sort", "id"),
        Index("ix_tasks_assignee_id_due_sort_id", "assignee_id", "due_sort", "id"),
        Index("ix_tasks_owner_id_priority_id", "owner_id", "priority", "id"),
        Index("ix_tasks_project_id_priority_id", "project_id", "priority", "id"),
        Index("ix_tasks_assignee_id_priority_id", "assignee_id", "priority", "id"),
        Index("ix_tasks_owner_id_updated_at_id", "owner_id", "updated_at", "id"),
        Index("ix_tasks_project_id_updated_at_id", "project_id", "updated_at", "id"),
        Index("ix_tasks_assignee_id_updated_at_id", "assignee_id", "updated_at", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    """Who made the project."""
    project_id: Mapped[int] = mapped_column(BigId, ForeignKey("projects.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(64))
    priority: Mapped[int] = mapped_column(SmallInteger)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    number: Mapped[int | None] = mapped_column(Integer)
    """The 142 of OPS-142. None in a row of a release before numbers, until somebody reads it."""
    assignee_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id", ondelete="SET NULL"))
    parent_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("tasks.id", ondelete="SET NULL"))
    due_on: Mapped[date | None] = mapped_column(Date)
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    due_sort: Mapped[datetime] = mapped_column(UtcDateTime, Computed(DueSort(), persisted=False), deferred=True)
