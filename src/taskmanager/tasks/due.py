"""When a task is due: at a moment, or on a day; and in which order."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement

from taskmanager.db import UtcDateTime

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


class DueSort(ColumnElement[datetime]):
    """The moment by which a row is sorted: when it is due, the beginning of the day, or the end of all days.

    The database makes it: releases that know no days write rows too. Each spells it so that the value has the very form
    of a moment, since SQLite compares texts.
    """

    inherit_cache = True
    type = UtcDateTime()


@compiles(DueSort)
def _by_default(_element: DueSort, _compiler: SQLCompiler, **_: Any) -> str:
    return "coalesce(due_at, due_on || ' 00:00:00.000000', '9999-12-31 00:00:00.000000')"


@compiles(DueSort, "mysql", "mariadb")
def _by_mysql(_element: DueSort, _compiler: SQLCompiler, **_: Any) -> str:
    # a literal of this kind, since MariaDB has no index on a text that is read as a moment
    return "coalesce(`due_at`,cast(`due_on` as datetime(6)),timestamp'9999-12-31 00:00:00')"
