"""Lists of tasks: filtered, sorted, a page at a time, whoever made the projects.

A page costs the same wherever it is, since it begins in an index: of the owner, the project or the assignee, each by id, due date,
priority and change; of a parent by id, since subtasks are few. Filters have none: the database reads on in the index until the
page is full. Which statement reads a page is `statements.py`'s business.

The search (`text`) is a LIKE with a wildcard at both ends: it reads titles and descriptions of the whole scope until the page
is full, half a second (SQLite) to two (MariaDB) for a million tasks. Neither database's full-text index would find parts of words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from taskmanager.access import shared_projects
from taskmanager.tasks.sorting import DEFAULT, Sort
from taskmanager.tasks.statements import COLUMNS, EQUAL, Shape, page_of_shape

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_PROJECTS: Final = 50
"""In one statement, with two parts of a UNION each: SQLite takes 500."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks are listed; None filters nothing."""

    project_id: int | None = None
    """Its tasks only; unless it is those of a parent, the caller has looked up the right to it."""
    status: str | None = None
    priority: int | None = None
    assignee_id: int | None = None
    parent_id: int | None = None
    label_id: int | None = None
    overdue: tuple[datetime, date] | None = None
    """Now, and the day that it is where the user is."""
    text: str | None = None

    @property
    def column(self) -> str:
        """In whose index the list begins; the owner's when it is all tasks of the user."""
        if self.project_id is not None and self.parent_id is None:
            return "project_id"
        if self.parent_id is not None:
            return "parent_id"
        if self.assignee_id is not None:
            return "assignee_id"
        return "owner_id" if self.label_id is None else "id"

    def parameters(self) -> dict[str, Any]:
        """The values of the filters."""
        values = {name: value for name in (*EQUAL, "label_id") if (value := getattr(self, name)) is not None}
        if self.overdue is not None:
            values["moment"], values["today"] = self.overdue
        if self.text is not None:
            values["pattern"] = f"%{_escaped(self.text)}%"
        return values


def _escaped(text: str) -> str:
    """The text, of which a LIKE takes nothing for a wildcard."""
    for special in "/%_":
        text = text.replace(special, f"/{special}")
    return text


async def list_page(
    connection: AsyncConnection, user_id: int, wanted: Wanted, *, limit: int, sort: Sort = DEFAULT, cursor: str | None
) -> list[dict[str, Any]]:
    """The rows of a page, each with its `sort_value`.

    Raises:
        Problem: the cursor is none of this list.
    """
    filters, column = wanted.parameters(), wanted.column
    shape = Shape(sort, cursor is not None, column, frozenset(filters))
    values = {"user_id": user_id, "limit": limit, **filters, **sort.place(cursor)}
    # the hot read: one statement for somebody who is in no project of others, which each row of theirs tells
    rows = await _read(connection, shape, values)
    if column != "owner_id" or (rows and not rows[0]["is_shared"]):
        return rows
    shared = (await connection.execute(shared_projects(user_id))).scalars().all()
    for start in range(0, len(shared), _PROJECTS):
        some = {f"project_{number}": one for number, one in enumerate(shared[start : start + _PROJECTS])}
        shape = Shape(sort, cursor is not None, "project_id", frozenset(filters), len(some))
        rows += await _read(connection, shape, values | some)
    rows.sort(key=lambda row: (row["sort_value"], row["id"]), reverse=sort.is_descending)
    return rows[:limit]


async def _read(connection: AsyncConnection, shape: Shape, values: dict[str, Any]) -> list[dict[str, Any]]:
    rows = await connection.execute(page_of_shape(shape), values)
    names = tuple(rows.keys())
    # labels come as "3,17"
    return [with_labels(dict(zip(names, row, strict=True))) for row in rows]


async def read_rows(database: AsyncConnection | AsyncSession, *conditions: ColumnElement[bool]) -> list[dict[str, Any]]:
    """The tasks that are meant, as they are shown."""
    rows = await database.execute(select(*COLUMNS).where(*conditions))
    return [with_labels(dict(row)) for row in rows.mappings()]


def with_labels(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its labels as a list; a database makes one text of them."""
    text = row["label_ids"]
    row["label_ids"] = sorted(int(one) for one in str(text).split(",")) if text else []
    return row
