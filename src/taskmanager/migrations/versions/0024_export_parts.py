"""Exports: their format, and large ones in parts."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from taskmanager.db import BigId, UtcDateTime
from taskmanager.migrations.steps import add_column_once

revision: Final = "0024_export_parts"
down_revision: Final[str | None] = "0023_reminders"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "export_parts",
        sa.Column("export_id", BigId, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("task_count", sa.Integer, nullable=False),
        sa.Column("last_task_id", BigId, nullable=False),
        sa.Column("content", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"), nullable=False),
        sa.PrimaryKeyConstraint("export_id", "number", name="pk_export_parts"),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name="fk_export_parts_export_id_exports", ondelete="CASCADE"
        ),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )
    # the release before asks for exports without naming a format
    add_column_once("exports", sa.Column("format", sa.String(64), nullable=False, server_default="json"))
    add_column_once("exports", sa.Column("written_at", UtcDateTime, nullable=True))
    add_column_once("exports", sa.Column("written_by", sa.String(128), nullable=True))
    add_column_once("exports", sa.Column("task_count", sa.Integer, nullable=True))


def downgrade() -> None:
    op.drop_table("export_parts", if_exists=True)
    for name in ("task_count", "written_by", "written_at", "format"):
        op.drop_column("exports", name)
