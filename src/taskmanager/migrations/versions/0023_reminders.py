"""Reminders."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from taskmanager.db import BigId, UtcDateTime
from taskmanager.migrations.steps import create_index_once

revision: Final = "0023_reminders"
down_revision: Final[str | None] = "0022_notifications"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "reminders",
        sa.Column("id", BigId, nullable=False),
        sa.Column("task_id", BigId, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("minutes_before", sa.Integer, nullable=True),
        sa.Column("remind_at", UtcDateTime, nullable=True),
        sa.Column("fired_at", UtcDateTime, nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reminders"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_reminders_task_id_tasks", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_reminders_user_id_users", ondelete="CASCADE"),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )
    create_index_once("ix_reminders_task_id_user_id", "reminders", ["task_id", "user_id"])


def downgrade() -> None:
    op.drop_table("reminders", if_exists=True)
