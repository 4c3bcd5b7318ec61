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
    format: Mapped[str] = mapped_column(String(64), default="json", server_default="json")
    # of an export in parts, when it is whole; a small one has its row in export_files instead
    written_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    written_by: Mapped[str | None] = mapped_column(String(128))
    task_count: Mapped[int | None] = mapped_column(Integer)


class ExportFile(Base):
    """A small export, written. Its key is the request's: however often the job runs, there is one."""

    __tablename__ = "export_files"

    export_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    task_count: Mapped[int] = mapped_column(Integer)
    content: Mapped[str] = mapped_column(Text().with_variant(mysql.LONGTEXT(), "mysql"))
    """In the format that was asked for."""
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
    written_by: Mapped[str] = mapped_column(String(128))
    """The version of the worker."""


class ExportPart(Base):
    """A piece of a large export. All pieces and the end of the format make the file."""

    __tablename__ = "export_parts"

    export_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """From 1."""
    task_count: Mapped[int] = mapped_column(Integer)
    last_task_id: Mapped[int] = mapped_column(BigId)
    """The next piece goes on below it."""
    content: Mapped[str] = mapped_column(Text().with_variant(mysql.LONGTEXT(), "mysql"))
