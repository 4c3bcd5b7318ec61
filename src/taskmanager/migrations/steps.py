"""Steps that can be run again: MySQL commits each statement by itself, so a killed run may have done half of a revision.

On a table that is in use MySQL is told how to do it, so that it refuses rather than copies the table or locks it.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, inspect
from sqlalchemy.schema import CreateColumn


def create_index_once(name: str, table: str, columns: list[str]) -> None:
    """Make the index unless a run before has; MySQL knows no `CREATE INDEX IF NOT EXISTS`."""
    connection = op.get_bind()
    if name in {index["name"] for index in inspect(connection).get_indexes(table)}:
        return
    if connection.dialect.name == "mysql":
        quote = connection.dialect.identifier_preparer.quote
        names = ", ".join(quote(column) for column in columns)
        op.execute(f"CREATE INDEX {quote(name)} ON {quote(table)} ({names}) ALGORITHM=INPLACE LOCK=NONE")
    else:
        op.create_index(name, table, columns)


def add_column_once(table: str, column: Column[object]) -> None:
    """Add the column unless a run before has: at once, whatever the size of the table, or not at all."""
    connection = op.get_bind()
    if column.name in {known["name"] for known in inspect(connection).get_columns(table)}:
        return
    if connection.dialect.name == "mysql":
        quote = connection.dialect.identifier_preparer.quote
        definition = CreateColumn(column).compile(dialect=connection.dialect)
        # INSTANT takes no word about locks: it needs none but the moment of the change
        op.execute(f"ALTER TABLE {quote(table)} ADD COLUMN {definition}, ALGORITHM=INSTANT")
    else:
        op.add_column(table, column)
