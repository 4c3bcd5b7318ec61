"""Exports: what was written."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from taskmanager.db import BigId, UtcDateTime

revision: Final = "0005_export_files"
down_revision: Final[str | None] = "0004_exports"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "export_files",
        sa.Column("export_id", BigId, nullable=False, autoincrement=False),
        sa.Column("task_count", sa.Integer, nullable=False),
        sa.Column("content", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"), nullable=False),
        sa.Column("written_at", UtcDateTime, nullable=False),
        sa.Column("written_by", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("export_id", name="pk_export_files"),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name="fk_export_files_export_id_exports", ondelete="CASCADE"
        ),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("export_files", if_exists=True)
