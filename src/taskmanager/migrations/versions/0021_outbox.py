"""The outbox: jobs that are wanted, jobs that were given up, and who does what only one worker does."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from taskmanager.db import BigId, UtcDateTime
from taskmanager.migrations.steps import create_index_once

revision: Final = "0021_outbox"
down_revision: Final[str | None] = "0020_idempotency_keys"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", BigId, nullable=False),
        sa.Column("job", sa.String(64), nullable=False),
        sa.Column("unique_key", sa.String(200), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("available_at", UtcDateTime, nullable=False),
        sa.Column("claimed_until", UtcDateTime, nullable=True),
        sa.Column("sent_at", UtcDateTime, nullable=True),
        sa.Column("done_at", UtcDateTime, nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.String(500), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("unique_key", name="uq_outbox_unique_key"),
        # a run that was killed between the statement and its record is simply run again
        if_not_exists=True,
    )
    create_index_once("ix_outbox_sent_at_available_at", "outbox", ["sent_at", "available_at"])
    create_index_once("ix_outbox_done_at_available_at", "outbox", ["done_at", "available_at"])
    op.create_table(
        "parked_jobs",
        sa.Column("id", BigId, nullable=False),
        sa.Column("job", sa.String(64), nullable=False),
        sa.Column("unique_key", sa.String(200), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("parked_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parked_jobs"),
        sa.UniqueConstraint("unique_key", name="uq_parked_jobs_unique_key"),
        if_not_exists=True,
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("held_until", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
        if_not_exists=True,
    )


def downgrade() -> None:
    for table in ("leases", "parked_jobs", "outbox"):
        op.drop_table(table, if_exists=True)
