"""Browsers that are signed in."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from taskmanager.db import BigId, UtcDateTime
from taskmanager.migrations.steps import create_index_once

revision: Final = "0028_web_sessions"
down_revision: Final[str | None] = "0027_task_parent_key"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "web_sessions",
        sa.Column("id", BigId, nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("last_seen_at", UtcDateTime, nullable=False),
        sa.Column("browser", sa.String(120), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_web_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_web_sessions_token_hash"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_web_sessions_user_id_users", ondelete="CASCADE"),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )
    create_index_once("ix_web_sessions_user_id_id", "web_sessions", ["user_id", "id"])
    create_index_once("ix_web_sessions_expires_at", "web_sessions", ["expires_at"])


def downgrade() -> None:
    op.drop_table("web_sessions", if_exists=True)
