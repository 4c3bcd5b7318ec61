"""The statements that read pages of tasks. Each is built once, and kept: to build one takes as long as the database's answer.

What tells two statements apart is a `Shape`; whose tasks, which value of a filter, and behind which row are their parameters.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, exists, func, or_, select, union_all

from taskmanager.access import is_known_project, shared_projects
from taskmanager.labels.models import TaskLabel
from taskmanager.paging import begin_in
from taskmanager.projects.models import Project
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ColumnElement, Select

    from taskmanager.tasks.sorting import Sort

Conditions = tuple["ColumnElement[bool]", ...]
_INDEXES: Final = frozenset(index.name for index in Task.__table_args__)
_MOST: Final = 500
USER: Final[BindParameter[Any]] = bindparam("user_id")

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
EQUAL: Final = ("project_id", "status", "priority", "assignee_id", "parent_id")
"""Filters that name the value of a column."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What makes a statement another."""

    sort: Sort
    goes_on: bool
    """Behind a row, whose id and value are the parameters `after_id` and `after_value`."""
    column: str
    """The list begins in the index of this column, of which a parameter of the same name is the value."""
    filters: frozenset[str] = frozenset()
    """The parameters that filter."""
    projects: int = 0
    """Instead of one value of the column, the parameters `project_0`, `project_1`, …"""


@functools.lru_cache(maxsize=_MOST)
def page_of_shape(shape: Shape) -> Select[*tuple[Any, ...]]:
    """The first rows of the scopes together, each of which begins in an index; `limit` of them.

    Of several, a page of ids comes from each range of each index, and then the rows of the first.
    """
    *before, last = shape.sort.ranges(goes_on=shape.goes_on)
    if "moment" in shape.filters:
        # adds nothing to the filter, but an end to the index: a day that is over anywhere has begun in UTC
        last = (*last, Task.due_sort < bindparam("moment"))
    filters = _filters(shape.filters)
    parts = [(*scope, *begin, *filters) for scope in _scopes(shape) for begin in (*before, last)]
    rows = select(*COLUMNS, shape.sort.column.label("sort_value"))
    if shape.column == "owner_id":
        rows = rows.add_columns(exists(shared_projects(USER)).label("is_shared"))
    if len(parts) == 1:
        return _begin(rows.where(*parts[0]), shape)
    ids = select(Task.id, shape.sort.column.label("sort_value"))
    branches = [_begin(ids.where(*part), shape).subquery() for part in parts]
    together = union_all(*(select(branch) for branch in branches)).subquery()
    order = [part.desc() if shape.sort.is_descending else part for part in (together.c.sort_value, together.c.id)]
    page = select(together.c.id).order_by(*order).limit(bindparam("limit")).subquery()
    return rows.join(page, page.c.id == Task.id).order_by(*shape.sort.order)


def _begin(query: Select[*tuple[Any, ...]], shape: Shape) -> Select[*tuple[Any, ...]]:
    query = query.order_by(*shape.sort.order).limit(bindparam("limit"))
    by = "" if shape.sort.column is Task.id else f"_{shape.sort.column.key}"
    index = f"ix_tasks_{shape.column}{by}_id"
    return begin_in(query, Task, index) if index in _INDEXES else query


def _scopes(shape: Shape) -> list[Conditions]:
    """What holds where the list begins."""
    if shape.projects:
        return [(Task.project_id == bindparam(f"project_{number}"),) for number in range(shape.projects)]
    known = is_known_project(USER, Task.project_id, Task.owner_id)
    match shape.column:
        case "owner_id":
            return [(Task.owner_id == USER,)]
        case "project_id":
            # the caller has looked up the right to it
            return [(Task.project_id == bindparam("project_id"),)]
        case "id":
            labelled = select(TaskLabel.task_id).where(TaskLabel.label_id == bindparam("label_id"))
            return [(Task.id.in_(labelled), known)]
        case column:
            return [(getattr(Task, column) == bindparam(column), known)]


def _filters(names: frozenset[str]) -> Conditions:
    found: list[ColumnElement[bool]] = [getattr(Task, name) == bindparam(name) for name in EQUAL if name in names]
    if "label_id" in names:
        found.append(exists().where(TaskLabel.task_id == Task.id, TaskLabel.label_id == bindparam("label_id")))
    if "moment" in names:
        late = or_(Task.due_at < bindparam("moment"), Task.due_on < bindparam("today"))
        found.append(and_(Task.status != "done", late))
    if "pattern" in names:
        found.append(or_(*(column.like(bindparam("pattern"), escape="/") for column in (Task.title, Task.description))))
    return tuple(found)
