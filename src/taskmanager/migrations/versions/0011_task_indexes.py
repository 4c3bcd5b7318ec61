"""Lists of tasks begin in an index, by id and by due date."""

from __future__ import annotations

from typing import Final

from taskmanager.migrations.steps import create_index_once, drop_index_once

revision: Final = "0011_task_indexes"
down_revision: Final[str | None] = "0010_task_due_sort"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    create_index_once("ix_tasks_project_id_number", "tasks", ["project_id", "number"], unique=True)
    create_index_once("ix_tasks_assignee_id_id", "tasks", ["assignee_id", "id"])
    create_index_once("ix_tasks_parent_id_id", "tasks", ["parent_id", "id"])
    create_index_once("ix_tasks_owner_id_due_sort_id", "tasks", ["owner_id", "due_sort", "id"])
    create_index_once("ix_tasks_project_id_due_sort_id", "tasks", ["project_id", "due_sort", "id"])
    create_index_once("ix_tasks_assignee_id_due_sort_id", "tasks", ["assignee_id", "due_sort", "id"])


def downgrade() -> None:
    drop_index_once("ix_tasks_project_id_number", "tasks")
    drop_index_once("ix_tasks_assignee_id_id", "tasks")
    drop_index_once("ix_tasks_parent_id_id", "tasks")
    drop_index_once("ix_tasks_owner_id_due_sort_id", "tasks")
    drop_index_once("ix_tasks_project_id_due_sort_id", "tasks")
    drop_index_once("ix_tasks_assignee_id_due_sort_id", "tasks")
