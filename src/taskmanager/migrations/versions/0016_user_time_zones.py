"""Users get a time zone."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from taskmanager.migrations.steps import add_column_once, drop_column_once

revision: Final = "0016_user_time_zones"
down_revision: Final[str | None] = "0015_activities"
branch_labels: Final = None
depends_on: Final = None
one_way: Final = False


def upgrade() -> None:
    # a default: the release before goes on writing rows
    add_column_once("users", sa.Column("time_zone", sa.String(64), server_default="UTC", nullable=False))


def downgrade() -> None:
    drop_column_once("users", "time_zone")
