"""Tasks get a number, an assignee, a parent, a day on which they are due, and a version."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from taskmanager.db import BigId
from taskmanager.migrations.steps import add_column_once, drop_column_once

revision: Final = "0009_task_columns"
down_revision: Final[str | None] = "0008_project_keys"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    add_column_once("tasks", sa.Column("number", sa.Integer, nullable=True))
    add_column_once("tasks", sa.Column("assignee_id", BigId, nullable=True))
    add_column_once("tasks", sa.Column("parent_id", BigId, nullable=True))
    add_column_once("tasks", sa.Column("due_on", sa.Date, nullable=True))
    # a default: the release before goes on writing rows
    add_column_once("tasks", sa.Column("version", sa.Integer, server_default="1", nullable=False))


def downgrade() -> None:
    for name in ("number", "assignee_id", "parent_id", "due_on", "version"):
        drop_column_once("tasks", name)
