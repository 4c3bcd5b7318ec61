"""Labels: what they are on."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from taskmanager.db import BigId
from taskmanager.migrations.steps import create_index_once

revision: Final = "0013_task_labels"
down_revision: Final[str | None] = "0012_labels"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "task_labels",
        sa.Column("task_id", BigId, nullable=False, autoincrement=False),
        sa.Column("label_id", BigId, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("task_id", "label_id", name="pk_task_labels"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_task_labels_task_id_tasks", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["label_id"], ["labels.id"], name="fk_task_labels_label_id_labels", ondelete="CASCADE"),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )
    create_index_once("ix_task_labels_label_id_task_id", "task_labels", ["label_id", "task_id"])


def downgrade() -> None:
    op.drop_table("task_labels", if_exists=True)
