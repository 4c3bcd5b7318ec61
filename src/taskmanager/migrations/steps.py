"""Steps that can be run again: MySQL commits each statement by itself, so a killed run may have done half of a revision.

Each spells how MySQL is to do it: what would copy the table, or lock it, fails instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from alembic import op
from alembic.ddl.base import AddColumn
from sqlalchemy import inspect
from sqlalchemy.schema import CreateIndex

if TYPE_CHECKING:
    from sqlalchemy import Connection

_BATCH: Final = 500


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


def clear_orphans(table: str, column: str, referred: str) -> None:
    """Let no row name one that is gone: what it named is forgotten, a few rows at a time.

    Rows are found without a lock, and old processes go on writing meanwhile.
    """
    bind = op.get_bind()
    rows, target = sa.table(table, sa.column("id"), sa.column(column)), sa.table(referred, sa.column("id"))
    there = target.alias("referred")
    found = sa.select(rows.c.id).select_from(rows.outerjoin(there, there.c.id == rows.c[column]))
    found = found.where(rows.c[column].is_not(None), there.c.id.is_(None)).limit(_BATCH)
    while ids := bind.execute(found).scalars().all():
        bind.execute(rows.update().where(rows.c.id.in_(ids)).values({column: None}))
        if bind.dialect.name != "sqlite":
            bind.commit()


def add_foreign_key_once(table: str, column: str, referred: str, *, on_delete: str) -> None:
    """Make a column a foreign key unless a run before has. An index has to begin with it.

    Neither database copies the table for it: MySQL believes without looking that all rows are right, and in SQLite the words of
    the table's definition change and no row does (sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema
    Changes"). Orphans are to be cleared before, and again after: until then old processes may make one.
    """
    bind = op.get_bind()
    name = f"fk_{table}_{column}_{referred}"
    if name in {key["name"] for key in inspect(bind).get_foreign_keys(table)}:
        return
    words = f"CONSTRAINT {name} FOREIGN KEY({column}) REFERENCES {referred} (id) ON DELETE {on_delete}"
    if bind.dialect.name == "sqlite":
        _add_to_definition(bind, table, words)
        return
    op.execute("SET SESSION foreign_key_checks = 0")
    try:
        op.execute(f"ALTER TABLE {table} ADD {words}, ALGORITHM=INPLACE, LOCK=NONE")
    finally:
        op.execute("SET SESSION foreign_key_checks = 1")


def drop_foreign_key_once(name: str, table: str) -> None:
    """Drop the foreign key unless a run before has."""
    bind = op.get_bind()
    if name not in {key["name"] for key in inspect(bind).get_foreign_keys(table)}:
        return
    if bind.dialect.name != "sqlite":
        op.execute(f"ALTER TABLE {table} DROP FOREIGN KEY {name}, ALGORITHM=INPLACE, LOCK=NONE")
        return
    sql = _definition(bind, table)
    _define(bind, table, re.sub(rf",\s*CONSTRAINT {name} FOREIGN KEY\([^)]*\) REFERENCES \w+ \(\w+\)[^,)]*", "", sql))


def _add_to_definition(bind: Connection, table: str, words: str) -> None:
    sql = _definition(bind, table).rstrip()
    assert sql.endswith(")"), sql
    _define(bind, table, f"{sql[:-1].rstrip()}, \n\t{words}\n)")


def _definition(bind: Connection, table: str) -> str:
    query = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    return str(bind.execute(query, {"name": table}).scalar_one())


def _define(bind: Connection, table: str, sql: str) -> None:
    version = bind.execute(sa.text("PRAGMA schema_version")).scalar_one()
    bind.execute(sa.text("PRAGMA writable_schema = ON"))
    change = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :name")
    bind.execute(change, {"sql": sql, "name": table})
    # every connection reads the definitions anew
    bind.execute(sa.text(f"PRAGMA schema_version = {int(version) + 1}"))
    bind.execute(sa.text("PRAGMA writable_schema = OFF"))
    found = bind.execute(sa.text("PRAGMA quick_check(1)")).scalar_one()
    assert found == "ok", found
