"""Lists of tasks begin in an index by priority too.

With those of 0041 a row takes 0.23 ms to insert instead of 0.15 (MariaDB, 300,000 rows), of some 7 for a task made through the
API; without them a page of a million sorted for a second.
"""

from __future__ import annotations

from typing import Final

from taskmanager.migrations.steps import create_index_once, drop_index_once

revision: Final = "0040_task_priority_indexes"
down_revision: Final[str | None] = "0028_web_sessions"
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
