"""The table of keys that clients sent, and of what they were answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, SmallInteger, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column

from taskmanager.db import Base, BigId, UtcDateTime


class IdempotencyKey(Base):
    """A key of a user: under way, or answered."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        Index("ix_idempotency_keys_user_id_key_hash", "user_id", "key_hash", unique=True),
        Index("ix_idempotency_keys_user_id_started_at", "user_id", "started_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    key_hash: Mapped[str] = mapped_column(String(64))
    """Of the key: MySQL would take two that differ by their case for one."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    """A hash of method, path and body."""
    owner: Mapped[str] = mapped_column(String(64))
    """Drawn by the request that is under way."""
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[int | None] = mapped_column(SmallInteger)
    """None while the request is under way."""
    headers: Mapped[str | None] = mapped_column(Text)
    """JSON."""
    body: Mapped[str | None] = mapped_column(Text().with_variant(mysql.MEDIUMTEXT(), "mysql"))
