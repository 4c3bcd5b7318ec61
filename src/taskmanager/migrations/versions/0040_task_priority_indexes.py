"""Lists of tasks begin in an index by priority too."""

from __future__ import annotations

from typing import Final

from taskmanager.migrations.steps import create_index_once, drop_index_once

revision: Final = "0040_task_priority_indexes"
down_revision: Final[str | None] = "0024_export_parts"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    create_index_once("ix_tasks_owner_id_priority_id", "tasks", ["owner_id", "priority", "id"])
    create_index_once("ix_tasks_project_id_priority_id", "tasks", ["project_id", "priority", "id"])
    create_index_once("ix_tasks_assignee_id_priority_id", "tasks", ["assignee_id", "priority", "id"])


def downgrade() -> None:
    drop_index_once("ix_tasks_owner_id_priority_id", "tasks")
    drop_index_once("ix_tasks_project_id_priority_id", "tasks")
    drop_index_once("ix_tasks_assignee_id_priority_id", "tasks")
