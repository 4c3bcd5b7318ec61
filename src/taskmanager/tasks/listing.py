"""Lists of tasks: filtered, sorted, a page at a time, whoever made the projects.

A page costs the same wherever it is, since it begins in an index: of the owner, the project, the assignee or the parent, each
by id and by due date. The orders by priority and by change have none: each page sorts all tasks of its scope, a second and
more for a million. Filters have none either: the database reads on in the index until the page is full.

The search (`text`) is a LIKE with a wildcard at both ends: it reads titles and descriptions of the whole scope until the page
is full, half a second (SQLite) to two (MariaDB) for a million tasks. Neither database's full-text index would find parts of words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, exists, func, literal, or_, select, union_all

from taskmanager.access import is_known_project, shared_projects
from taskmanager.labels.models import TaskLabel
from taskmanager.paging import begin_in
from taskmanager.projects.models import Project
from taskmanager.tasks.models import Task
from taskmanager.tasks.sorting import DEFAULT, Sort

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

Conditions = tuple["ColumnElement[bool]", ...]
_INDEXES: Final = frozenset(index.name for index in Task.__table_args__)
_PROJECTS: Final = 50
"""In one statement, with two parts of a UNION each: SQLite takes 500."""

_KEY: Final = select(Project.key).where(Project.id == Task.project_id).scalar_subquery().label("project_key")
_LABELS: Final = (
    select(func.group_concat(TaskLabel.label_id))
    .where(TaskLabel.task_id == Task.id)
    .scalar_subquery()
    .label("label_ids")
)
COLUMNS: Final = (
    Task.id,
    Task.project_id,
    Task.title,
    Task.description,
    Task.status,
    Task.priority,
    Task.due_at,
    Task.created_at,
    Task.updated_at,
    Task.number,
    Task.assignee_id,
    Task.parent_id,
    Task.due_on,
    Task.version,
    _KEY,
    _LABELS,
)
"""What a task is shown by. Key and labels are looked up for each row that is shown: they change no plan."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks are listed; None filters nothing."""

    project_id: int | None = None
    """The caller has looked up the right to it."""
    status: str | None = None
    priority: int | None = None
    assignee_id: int | None = None
    parent_id: int | None = None
    label_id: int | None = None
    overdue: tuple[datetime, date] | None = None
    """Now, and the day that it is where the user is."""
    text: str | None = None


@dataclass(frozen=True, slots=True)
class _List:
    """What is the same for all parts of a page."""

    sort: Sort
    limit: int
    filters: Conditions
    ranges: tuple[Conditions, ...]

    def query(self, column: str, scopes: Iterable[Conditions], *more: Any) -> Select[*tuple[Any, ...]]:
        """The first rows of the scopes together, each of which begins in the index of the column.

        Of several, a page of ids comes from each range of each index, and then the rows of the first.
        """
        parts = [(*scope, *begin, *self.filters) for scope in scopes for begin in self.ranges]
        rows = select(*COLUMNS, self.sort.column.label("sort_value"), *more)
        if len(parts) == 1:
            return self._begin(rows.where(*parts[0]), column)
        ids = select(Task.id, self.sort.column.label("sort_value"))
        branches = [self._begin(ids.where(*part), column).subquery() for part in parts]
        together = union_all(*(select(branch) for branch in branches)).subquery()
        order = [part.desc() if self.sort.is_descending else part for part in (together.c.sort_value, together.c.id)]
        page = select(together.c.id).order_by(*order).limit(self.limit).subquery()
        return rows.join(page, page.c.id == Task.id).order_by(*self.sort.order)

    def _begin(self, query: Select[*tuple[Any, ...]], column: str) -> Select[*tuple[Any, ...]]:
        query = query.order_by(*self.sort.order).limit(self.limit)
        by = "" if self.sort.column is Task.id else f"_{self.sort.column.key}"
        index = f"ix_tasks_{column}{by}_id"
        return begin_in(query, Task, index) if index in _INDEXES else query


async def list_page(
    connection: AsyncConnection, user_id: int, wanted: Wanted, *, limit: int, sort: Sort = DEFAULT, cursor: str | None
) -> list[dict[str, Any]]:
    """The rows of a page, each with its `sort_value`.

    Raises:
        Problem: the cursor is none of this list.
    """
    *before, last = sort.after(cursor)
    if wanted.overdue is not None:
        # adds nothing to the filter, but an end to the index: a day that is over anywhere has begun in UTC
        last = (*last, Task.due_sort < wanted.overdue[0])
    page = _List(sort, limit, _filters(wanted), (*before, last))
    scope = _scope(user_id, wanted)
    if scope is not None:
        return await _read(connection, page.query(scope[0], [scope[1]]))
    # the hot read: one statement for somebody who is in no project of others, which each row of theirs tells
    is_shared = exists(shared_projects(user_id)).label("is_shared")
    own = await _read(connection, page.query("owner_id", [(Task.owner_id == user_id,)], is_shared))
    if own and not own[0]["is_shared"]:
        return own
    shared = (await connection.execute(shared_projects(user_id))).scalars().all()
    for start in range(0, len(shared), _PROJECTS):
        scopes = [(Task.project_id == literal(one),) for one in shared[start : start + _PROJECTS]]
        own += await _read(connection, page.query("project_id", scopes))
    own.sort(key=lambda row: (row["sort_value"], row["id"]), reverse=sort.is_descending)
    return own[:limit]


def _scope(user_id: int, wanted: Wanted) -> tuple[str, Conditions] | None:
    """The column in whose index the list begins, and what holds there; None when it is all tasks of the user."""
    if wanted.project_id is not None and wanted.parent_id is None:
        return "project_id", (Task.project_id == wanted.project_id,)
    known = is_known_project(user_id, Task.project_id, Task.owner_id)
    for column in ("parent_id", "assignee_id"):
        value = getattr(wanted, column)
        if value is not None:
            return column, (getattr(Task, column) == value, known)
    if wanted.label_id is not None:
        labelled = select(TaskLabel.task_id).where(TaskLabel.label_id == wanted.label_id)
        return "id", (Task.id.in_(labelled), known)
    return None


def _filters(wanted: Wanted) -> Conditions:
    columns = ("project_id", "status", "priority", "assignee_id", "parent_id")
    found: list[ColumnElement[bool]] = [
        getattr(Task, name) == value for name in columns if (value := getattr(wanted, name)) is not None
    ]
    if wanted.label_id is not None:
        found.append(exists().where(TaskLabel.task_id == Task.id, TaskLabel.label_id == wanted.label_id))
    if wanted.overdue is not None:
        moment, today = wanted.overdue
        found.append(and_(Task.status != "done", or_(Task.due_at < moment, Task.due_on < today)))
    if wanted.text is not None:
        parts = (column.contains(wanted.text, autoescape=True) for column in (Task.title, Task.description))
        found.append(or_(*parts))
    return tuple(found)


async def _read(connection: AsyncConnection, query: Select[*tuple[Any, ...]]) -> list[dict[str, Any]]:
    rows = await connection.execute(query)
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
