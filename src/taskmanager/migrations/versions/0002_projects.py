"""Projects."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from taskmanager.db import BigId, UtcDateTime
from taskmanager.migrations.steps import create_index_once

revision: Final = "0002_projects"
down_revision: Final[str | None] = "0001_users"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", BigId, nullable=False),
        sa.Column("owner_id", BigId, nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_projects_owner_id_users", ondelete="CASCADE"),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )
    create_index_once("ix_projects_owner_id_id", "projects", ["owner_id", "id"])


def downgrade() -> None:
    op.drop_table("projects", if_exists=True)
