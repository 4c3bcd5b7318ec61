"""The table of parked jobs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime


class ParkedJob(Base):
    """A job that no attempt could do."""

    __tablename__ = "parked_jobs"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job: Mapped[str] = mapped_column(String(128))
    key: Mapped[str] = mapped_column(String(128))
    payload: Mapped[str] = mapped_column(Text)
    """JSON: its arguments."""
    reason: Mapped[str] = mapped_column(String(500))
    parked_at: Mapped[datetime] = mapped_column(UtcDateTime)
