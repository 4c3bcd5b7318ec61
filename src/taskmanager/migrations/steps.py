"""Steps that can be run again: MySQL commits each statement by itself, so a killed run may have done half of a revision.

Each spells how MySQL is to do it: what would copy the table, or lock it, fails instead.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.ddl.base import AddColumn
from sqlalchemy import inspect
from sqlalchemy.schema import CreateIndex


def create_index_once(name: str, table: str, columns: list[str], *, unique: bool = False) -> None:
    """Make the index unless a run before has; MySQL knows no `CREATE INDEX IF NOT EXISTS`."""
    bind = op.get_bind()
    if name in {index["name"] for index in inspect(bind).get_indexes(table)}:
        return
    if bind.dialect.name == "sqlite":
        op.create_index(name, table, columns, unique=unique)
        return
    on = sa.Table(table, sa.MetaData(), *(sa.Column(column, sa.Integer) for column in columns))
    statement = CreateIndex(sa.Index(name, *on.columns, unique=unique))
    op.execute(f"{statement.compile(dialect=bind.dialect)} ALGORITHM=INPLACE LOCK=NONE")


def add_column_once(table: str, column: sa.Column[object]) -> None:
    """Add the column unless a run before has."""
    bind = op.get_bind()
    if column.name in {known["name"] for known in inspect(bind).get_columns(table)}:
        return
    sa.Table(table, sa.MetaData(), column)
    statement = str(AddColumn(table, column).compile(dialect=bind.dialect))
    op.execute(statement if bind.dialect.name == "sqlite" else f"{statement}, ALGORITHM=INSTANT")


def drop_column_once(table: str, name: str) -> None:
    """Drop the column unless a run before has. No index may hold it."""
    if name in {known["name"] for known in inspect(op.get_bind()).get_columns(table)}:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {op.get_bind().dialect.identifier_preparer.quote(name)}")


def drop_index_once(name: str, table: str) -> None:
    """Drop the index unless a run before has."""
    if name in {index["name"] for index in inspect(op.get_bind()).get_indexes(table)}:
        op.drop_index(name, table_name=table)
