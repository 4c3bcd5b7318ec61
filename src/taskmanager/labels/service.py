"""Labels of projects, and which of them are on a task."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from taskmanager.access import Action, access_to_project
from taskmanager.activity.service import Entry, changes, record
from taskmanager.db import now
from taskmanager.labels.models import Label, TaskLabel
from taskmanager.problems import Problem, not_found
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

MOST_LABELS: Final = 200
"""Of a project: the list is one page."""
_COLUMNS: Final = (Label.id, Label.project_id, Label.name, Label.colour)


async def list_labels(connection: AsyncConnection, user_id: int, project_id: int) -> list[dict[str, Any]]:
    await access_to_project(connection, user_id, project_id, Action.READ)
    return await labels_of_project(connection, project_id)


async def labels_of_project(connection: AsyncConnection, project_id: int) -> list[dict[str, Any]]:
    """The same to somebody whose right to read the project is known."""
    rows = await connection.execute(select(*_COLUMNS).where(Label.project_id == project_id).order_by(Label.id))
    return [dict(row) for row in rows.mappings()]


async def create_label(session: AsyncSession, user_id: int, project_id: int, *, name: str, colour: str) -> Label:
    """A new label.

    Raises:
        Problem: the project has one of this name, or too many.
    """
    await access_to_project(session, user_id, project_id, Action.WRITE)
    count = select(func.count()).select_from(Label).where(Label.project_id == project_id)
    if (await session.scalar(count) or 0) >= MOST_LABELS:
        raise Problem(409, "too-many-labels", f"a project has at most {MOST_LABELS} labels")
    await _check_name(session, project_id, None, name)
    label = Label(project_id=project_id, name=name, colour=colour, created_at=now())
    session.add(label)
    await _flush(session)
    record(session, user_id, project_id, [Entry("label", "created", new=name)])
    return label


async def change_label(
    session: AsyncSession, user_id: int, project_id: int, label_id: int, wanted: Mapping[str, Any]
) -> Label:
    """Change the label.

    Raises:
        Problem: there is none in this project, or another has the name.
    """
    await access_to_project(session, user_id, project_id, Action.WRITE)
    label = await _label(session, project_id, label_id)
    if "name" in wanted:
        await _check_name(session, project_id, label_id, wanted["name"])
    entries = changes("label", {name: getattr(label, name) for name in wanted}, wanted)
    for name, value in wanted.items():
        setattr(label, name, value)
    await _flush(session)
    record(session, user_id, project_id, entries)
    return label


async def delete_label(session: AsyncSession, user_id: int, project_id: int, label_id: int) -> None:
    """Delete the label, and take it off all tasks."""
    await access_to_project(session, user_id, project_id, Action.WRITE)
    label = await _label(session, project_id, label_id)
    tasks = select(TaskLabel.task_id).where(TaskLabel.label_id == label_id)
    # what a task looks like changes, so that its ETag must; SQLite and MySQL both take the sub-query for one of another table
    raised = update(Task).where(Task.id.in_(tasks)).values(version=Task.version + 1)
    await session.execute(raised.execution_options(synchronize_session=False))
    record(session, user_id, project_id, [Entry("label", "deleted", old=label.name)])
    await session.delete(label)


async def labels_of(session: AsyncSession, task_id: int) -> list[int]:
    query = select(TaskLabel.label_id).where(TaskLabel.task_id == task_id).order_by(TaskLabel.label_id)
    return list(await session.scalars(query))


async def put_labels(session: AsyncSession, project_id: int, task_id: int, label_ids: Collection[int]) -> None:
    """These labels, and no others, are on the task.

    Raises:
        Problem: one of them is none of the project.
    """
    if label_ids:
        query = select(func.count()).select_from(Label)
        known = await session.scalar(query.where(Label.project_id == project_id, Label.id.in_(label_ids)))
        if known != len(label_ids):
            raise Problem(422, "label-unknown", "a label is none of the project")
    await session.execute(delete(TaskLabel).where(TaskLabel.task_id == task_id))
    if label_ids:
        await session.execute(insert(TaskLabel), [{"task_id": task_id, "label_id": one} for one in label_ids])


async def _label(session: AsyncSession, project_id: int, label_id: int) -> Label:
    label = await session.get(Label, label_id)
    if label is None or label.project_id != project_id:
        raise not_found("label")
    return label


def folded(name: str) -> str:
    """What two names have in common that people take for one: case and accents tell nothing apart.

    MySQL's index sees it so; SQLite's tells letters apart, and would take both.

    Bug, BUG -> bug     Ärger, arger -> arger     STRASSE, Straße -> strasse
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()


async def _check_name(session: AsyncSession, project_id: int, label_id: int | None, name: str) -> None:
    known = await session.execute(select(Label.id, Label.name).where(Label.project_id == project_id))
    if any(row.id != label_id and folded(row.name) == folded(name) for row in known):
        raise _taken()


def _taken() -> Problem:
    return Problem(409, "label-taken", "the project has a label of this name")


async def _flush(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError:  # somebody was faster
        raise _taken() from None
