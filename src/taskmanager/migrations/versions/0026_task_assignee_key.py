"""Who is gone has no task: the assignee is a foreign key."""

from __future__ import annotations

from typing import Final

from taskmanager.migrations.steps import add_foreign_key_once, clear_orphans, drop_foreign_key_once

revision: Final = "0026_task_assignee_key"
down_revision: Final[str | None] = "0025_task_orphans"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    add_foreign_key_once("tasks", "assignee_id", "users", on_delete="SET NULL")
    # what old processes made since the revision before
    clear_orphans("tasks", "assignee_id", "users")


def downgrade() -> None:
    drop_foreign_key_once("fk_tasks_assignee_id_users", "tasks")
