"""A key is that of one project of an owner."""

from __future__ import annotations

from typing import Final

from taskmanager.migrations.steps import create_index_once, drop_index_once

revision: Final = "0008_project_keys"
down_revision: Final[str | None] = "0007_project_columns"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    create_index_once("ix_projects_owner_id_key", "projects", ["owner_id", "key"], unique=True)


def downgrade() -> None:
    drop_index_once("ix_projects_owner_id_key", "projects")
