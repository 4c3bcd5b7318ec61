"""The table of jobs on their way to the queue."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime


class OutboxJob(Base):
    """A job, written in the transaction of what needs it."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_key", "key", unique=True),
        Index("ix_outbox_done_at_due_at", "done_at", "due_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job: Mapped[str] = mapped_column(String(128))
    key: Mapped[str] = mapped_column(String(128))
    """What is wanted twice under one key is done once."""
    payload: Mapped[str] = mapped_column(Text)
    """JSON: the arguments of the job."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """Not before this it goes to the queue: the queue itself is no place to wait for long. Sent, it is due again much later."""
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until then a relay is sending it; one that died in the middle is followed by another."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The worker says so: a queue that lost its memory gets the job again."""
