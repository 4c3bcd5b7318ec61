"""Writes the activity log, in the transaction of what it tells of, and lists it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from taskmanager.access import Action, access_to_project, access_to_task
from taskmanager.activity.models import Activity
from taskmanager.db import now
from taskmanager.paging import begin_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import InstrumentedAttribute

_COLUMNS: Final = tuple(
    getattr(Activity, name)
    for name in (
        "id",
        "project_id",
        "task_id",
        "actor_id",
        "subject",
        "action",
        "field",
        "old_value",
        "new_value",
        "created_at",
    )
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be told of one change."""

    subject: str
    action: str
    field: str | None = None
    old: Any = None
    new: Any = None


def record(
    session: AsyncSession, actor_id: int, project_id: int, entries: Iterable[Entry], *, task_id: int | None = None
) -> None:
    """Write what was done, in this transaction."""
    moment = now()
    for entry in entries:
        row = Activity(project_id=project_id, task_id=task_id, actor_id=actor_id, created_at=moment)
        row.subject, row.action, row.field = entry.subject, entry.action, entry.field
        row.old_value, row.new_value = as_text(entry.old), as_text(entry.new)
        session.add(row)


def changes(subject: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Entry]:
    """One entry for each field of `after` that differs."""
    return [
        Entry(subject, "changed", name, before[name], value) for name, value in after.items() if before[name] != value
    ]


def as_text(value: Any) -> str | None:
    """A value as the log keeps it: moments in UTC, lists with commas."""
    match value:
        case None:
            return None
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case list() | tuple():
            return ",".join(str(item) for item in value)
        case _:
            return str(value)


async def activity_of_project(
    connection: AsyncConnection, user_id: int, project_id: int, *, before: int, limit: int
) -> list[dict[str, Any]]:
    """What was done in a project, newest first."""
    await access_to_project(connection, user_id, project_id, Action.READ)
    return await _list(connection, Activity.project_id, project_id, before, limit)


async def activity_of_task(
    connection: AsyncConnection, user_id: int, task_id: int, *, before: int, limit: int
) -> list[dict[str, Any]]:
    """What was done to a task, newest first."""
    await access_to_task(connection, user_id, task_id, Action.READ)
    return await _list(connection, Activity.task_id, task_id, before, limit)


async def _list(
    connection: AsyncConnection, column: InstrumentedAttribute[Any], value: int, before: int, limit: int
) -> list[dict[str, Any]]:
    query = select(*_COLUMNS).where(column == value, Activity.id < before).order_by(Activity.id.desc()).limit(limit)
    query = begin_in(query, Activity, f"ix_activities_{column.key}_id")
    return [dict(row) for row in (await connection.execute(query)).mappings()]
