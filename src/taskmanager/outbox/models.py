"""The tables of the outbox: the jobs, those that were given up, and who may do what only one is to do."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime

LONGEST_KEY: Final = 200
LONGEST_REASON: Final = 500


class OutboxRow(Base):
    """A job: wanted, sent, begun, done."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_sent_at_available_at", "sent_at", "available_at"),
        Index("ix_outbox_done_at_available_at", "done_at", "available_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job: Mapped[str] = mapped_column(String(64))
    unique_key: Mapped[str] = mapped_column(String(LONGEST_KEY), unique=True)
    payload: Mapped[str] = mapped_column(Text)
    """JSON: the arguments, with the version `v` that a worker must know."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    available_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """It is not sent before."""
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """A relay is sending it; if that one dies, another takes it after this moment."""
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The broker has taken it."""
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Its effect is there, or it was parked."""
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """How often a worker began it since it last got on."""
    last_error: Mapped[str | None] = mapped_column(String(LONGEST_REASON))


class ParkedJob(Base):
    """A job that failed again and again, or that nobody can read: kept for an operator, out of the others' way."""

    __tablename__ = "parked_jobs"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job: Mapped[str] = mapped_column(String(64))
    unique_key: Mapped[str] = mapped_column(String(LONGEST_KEY), unique=True)
    payload: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(String(LONGEST_REASON))
    attempts: Mapped[int] = mapped_column(Integer)
    parked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Lease(Base):
    """Who does what only one worker is to do, and until when."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(128))
    held_until: Mapped[datetime] = mapped_column(UtcDateTime)
