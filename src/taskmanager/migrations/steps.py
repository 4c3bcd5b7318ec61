"""Steps that can be run again: MySQL commits each statement by itself, so a killed run may have done half of a revision."""

from __future__ import annotations

from alembic import op
from sqlalchemy import inspect


def create_index_once(name: str, table: str, columns: list[str]) -> None:
    """Make the index unless a run before has; MySQL knows no `CREATE INDEX IF NOT EXISTS`."""
    if name not in {index["name"] for index in inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, columns)
