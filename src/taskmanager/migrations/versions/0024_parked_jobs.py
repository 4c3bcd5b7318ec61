"""Jobs that failed again and again."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from taskmanager.db import BigId, UtcDateTime

revision: Final = "0024_parked_jobs"
down_revision: Final[str | None] = "0023_reminders"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "parked_jobs",
        sa.Column("id", BigId, nullable=False),
        sa.Column("job", sa.String(128), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("parked_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parked_jobs"),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("parked_jobs", if_exists=True)
