"""A subtask whose task is gone is a task by itself: the parent is a foreign key."""

from __future__ import annotations

from typing import Final

from taskmanager.migrations.steps import add_foreign_key_once, clear_orphans, drop_foreign_key_once

revision: Final = "0027_task_parent_key"
down_revision: Final[str | None] = "0026_task_assignee_key"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    add_foreign_key_once("tasks", "parent_id", "tasks", on_delete="SET NULL")
    # what old processes made since the revision before
    clear_orphans("tasks", "parent_id", "tasks")


def downgrade() -> None:
    drop_foreign_key_once("fk_tasks_parent_id_tasks", "tasks")
