"""The tables of exports: what was asked for, and what the worker wrote."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime


class Export(Base):
    """A request for an export."""

    __tablename__ = "exports"
    __table_args__ = (Index("ix_exports_project_id_id", "project_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    project_id: Mapped[int] = mapped_column(BigId, ForeignKey("projects.id", ondelete="CASCADE"))
    requested_by: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ExportFile(Base):
    """A written export. Its key is the request's: however often the job runs, there is one."""

    __tablename__ = "export_files"

    export_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    task_count: Mapped[int] = mapped_column(Integer)
    content: Mapped[str] = mapped_column(Text().with_variant(mysql.LONGTEXT(), "mysql"))
    """JSON."""
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
    written_by: Mapped[str] = mapped_column(String(128))
    """The version of the worker."""
