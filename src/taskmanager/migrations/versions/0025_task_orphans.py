"""Tasks name no user and no task that is gone: what two requests at once may have left, before foreign keys see to it."""

from __future__ import annotations

from typing import Final

from taskmanager.migrations.steps import clear_orphans

revision: Final = "0025_task_orphans"
down_revision: Final[str | None] = "0024_export_parts"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    clear_orphans("tasks", "assignee_id", "users")
    # a subtask whose task is gone is a task by itself
    clear_orphans("tasks", "parent_id", "tasks")


def downgrade() -> None:
    """What was forgotten named nothing."""
