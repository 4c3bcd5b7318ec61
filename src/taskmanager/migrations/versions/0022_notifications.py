"""Notifications."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from taskmanager.db import BigId, UtcDateTime
from taskmanager.migrations.steps import create_index_once

revision: Final = "0022_notifications"
down_revision: Final[str | None] = "0021_outbox"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", BigId, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("unique_key", sa.String(200), nullable=False),
        sa.Column("project_id", BigId, nullable=True),
        sa.Column("task_id", BigId, nullable=True),
        sa.Column("comment_id", BigId, nullable=True),
        sa.Column("export_id", BigId, nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("read_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.UniqueConstraint("unique_key", name="uq_notifications_unique_key"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notifications_user_id_users", ondelete="CASCADE"),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )
    create_index_once("ix_notifications_user_id_id", "notifications", ["user_id", "id"])
    create_index_once("ix_notifications_user_id_read_at", "notifications", ["user_id", "read_at"])
    create_index_once("ix_notifications_created_at", "notifications", ["created_at"])


def downgrade() -> None:
    op.drop_table("notifications", if_exists=True)
