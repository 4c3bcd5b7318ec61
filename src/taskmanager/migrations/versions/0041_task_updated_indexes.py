"""Lists of tasks begin in an index by the last change too."""

from __future__ import annotations

from typing import Final

from taskmanager.migrations.steps import create_index_once, drop_index_once

revision: Final = "0041_task_updated_indexes"
down_revision: Final[str | None] = "0040_task_priority_indexes"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    create_index_once("ix_tasks_owner_id_updated_at_id", "tasks", ["owner_id", "updated_at", "id"])
    create_index_once("ix_tasks_project_id_updated_at_id", "tasks", ["project_id", "updated_at", "id"])
    create_index_once("ix_tasks_assignee_id_updated_at_id", "tasks", ["assignee_id", "updated_at", "id"])


def downgrade() -> None:
    drop_index_once("ix_tasks_owner_id_updated_at_id", "tasks")
    drop_index_once("ix_tasks_project_id_updated_at_id", "tasks")
    drop_index_once("ix_tasks_assignee_id_updated_at_id", "tasks")
