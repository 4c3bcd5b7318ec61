"""The database itself keeps the order by due date, whichever release writes."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from taskmanager.db import UtcDateTime
from taskmanager.migrations.steps import add_column_once, drop_column_once

revision: Final = "0010_task_due_sort"
down_revision: Final[str | None] = "0009_task_columns"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


# as taskmanager.tasks.due writes it: a release before runs this too, and has no such module
_SQLITE: Final = "coalesce(due_at, due_on || ' 00:00:00.000000', '9999-12-31 00:00:00.000000')"
_MYSQL: Final = "coalesce(`due_at`,cast(`due_on` as datetime(6)),timestamp'9999-12-31 00:00:00')"


def upgrade() -> None:
    moment = _SQLITE if op.get_bind().dialect.name == "sqlite" else _MYSQL
    add_column_once("tasks", sa.Column("due_sort", UtcDateTime, sa.Computed(sa.text(moment), persisted=False)))


def downgrade() -> None:
    drop_column_once("tasks", "due_sort")
