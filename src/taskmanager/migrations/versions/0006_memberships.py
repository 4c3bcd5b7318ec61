"""Memberships: who is in a project of somebody else."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from taskmanager.db import BigId, UtcDateTime
from taskmanager.migrations.steps import create_index_once

revision: Final = "0006_memberships"
down_revision: Final[str | None] = "0005_export_files"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "memberships",
        sa.Column("project_id", BigId, nullable=False, autoincrement=False),
        sa.Column("user_id", BigId, nullable=False, autoincrement=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "user_id", name="pk_memberships"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_memberships_project_id_projects", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id_users", ondelete="CASCADE"),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )
    create_index_once("ix_memberships_user_id_project_id", "memberships", ["user_id", "project_id"])


def downgrade() -> None:
    op.drop_table("memberships", if_exists=True)
