"""The database itself keeps the order by due date, whichever release writes."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from taskmanager.db import UtcDateTime
from taskmanager.migrations.steps import add_column_once, drop_column_once
from taskmanager.tasks.due import DueSort

revision: Final = "0010_task_due_sort"
down_revision: Final[str | None] = "0009_task_columns"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    add_column_once("tasks", sa.Column("due_sort", UtcDateTime, sa.Computed(DueSort(), persisted=False)))


def downgrade() -> None:
    drop_column_once("tasks", "due_sort")
