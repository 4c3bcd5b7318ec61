"""Projects get a key, an archive, and the number of their last task."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from taskmanager.db import UtcDateTime
from taskmanager.migrations.steps import add_column_once, drop_column_once

revision: Final = "0007_project_columns"
down_revision: Final[str | None] = "0006_memberships"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    add_column_once("projects", sa.Column("key", sa.String(64), nullable=True))
    add_column_once("projects", sa.Column("archived_at", UtcDateTime, nullable=True))
    # a default: the release before goes on writing rows
    add_column_once("projects", sa.Column("task_counter", sa.Integer, server_default="0", nullable=False))


def downgrade() -> None:
    for name in ("key", "archived_at", "task_counter"):
        drop_column_once("projects", name)
