"""The worker's end of exports: written in pieces, each in its own transaction, so that any size is written in little memory.

Whoever comes next goes on behind the last piece: after a stop, a crash, or when the job's turn is over. Two workers that
write one export side by side get in each other's way, but each piece is there once. A task that changes while a large
export is written is in it as it was when its piece was: it is no picture of one moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from taskmanager.db import now
from taskmanager.exports import formats
from taskmanager.exports.models import Export, ExportFile, ExportPart
from taskmanager.notifications.service import notify
from taskmanager.outbox.attempts import Outcome
from taskmanager.paging import decode_cursor
from taskmanager.projects.models import Project
from taskmanager.tasks.service import list_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

    from taskmanager.db import Database

CHUNK: Final = 200
"""Tasks that are read at once: no statement keeps the database long, however large the project."""
LARGEST_PIECE: Final = 2_000_000
"""Characters of a piece, unless a single task has more: MySQL takes no statement of any size."""
TURN_SECONDS: Final = 15.0
"""So long a job writes; then others have their turn. Far below the time after which a job is killed."""

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for, and how much of it there is."""

    user_id: int
    project: dict[str, Any]
    form: str
    parts: int
    tasks: int
    last_task_id: int
    """The tasks below it are still to be written; lists are newest first."""


async def write_export(
    database: Database, export_id: int, *, version: str, clock: Callable[[], float] = monotonic
) -> Outcome:
    """Write the export, or go on with it, however often this is called: there is one in the end."""
    until = clock() + TURN_SECONDS
    while True:
        async with database.read() as connection:
            wanted = await _wanted(connection, export_id)
            if wanted is None:
                return Outcome.UNNEEDED
            read = await list_tasks(
                connection, wanted.user_id, before=wanted.last_task_id, limit=CHUNK, project_id=wanted.project["id"]
            )
        tasks, text = _piece(wanted, read)
        is_last = len(read) < CHUNK and len(tasks) == len(read)
        try:
            if is_last and wanted.parts == 0:
                return await _write_whole(database, export_id, wanted, text, len(tasks), version)
            if tasks:
                await _write_part(database, export_id, wanted, tasks, text)
            if is_last:
                return await _write_end(database, export_id, wanted, len(tasks), version)
        except IntegrityError:
            # another worker was faster, or the project was deleted meanwhile: look again
            log.info("this piece is there already", export_id=export_id, part=wanted.parts + 1)
        if clock() >= until:
            return Outcome.UNFINISHED


async def _wanted(connection: AsyncConnection, export_id: int) -> _Wanted | None:
    """None: nobody wants it any more, or it is written."""
    columns = (Export.requested_by, Export.format, Project.id, Project.name, Project.description)
    query = select(*columns).select_from(Export).join(Project).outerjoin(ExportFile)
    query = query.where(Export.id == export_id, Export.written_at.is_(None), ExportFile.export_id.is_(None))
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    first = decode_cursor(None)
    counts = select(
        func.count(),
        func.coalesce(func.sum(ExportPart.task_count), 0),
        func.coalesce(func.min(ExportPart.last_task_id), first),
    ).where(ExportPart.export_id == export_id)
    parts, tasks, last = (await connection.execute(counts)).one()
    project = {"id": row.id, "name": row.name, "description": row.description}
    return _Wanted(row.requested_by, project, row.format, parts, int(tasks), last)


def _piece(wanted: _Wanted, read: Sequence[dict[str, Any]]) -> tuple[Sequence[dict[str, Any]], str]:
    """As many of the tasks as fit into one piece, and its text."""
    tasks = fitting(read)
    text = formats.piece(wanted.form, tasks, first=wanted.parts == 0)
    if wanted.parts == 0:
        text = formats.head(wanted.form, {**wanted.project, "id": str(wanted.project["id"])}) + text
    return tasks, text


def fitting(tasks: Sequence[dict[str, Any]], largest: int = LARGEST_PIECE) -> Sequence[dict[str, Any]]:
    """The first tasks, at least one, that fit into one piece."""
    size = 0
    for number, task in enumerate(tasks):
        size += len(task["title"]) + len(task["description"]) + 300
        if size > largest and number:
            return tasks[:number]
    return tasks


async def _write_whole(
    database: Database, export_id: int, wanted: _Wanted, text: str, task_count: int, version: str
) -> Outcome:
    """A small export is one row, as the release before writes and reads it."""
    content = text + formats.tail(wanted.form)
    async with database.transaction() as session:
        session.add(
            ExportFile(
                export_id=export_id, task_count=task_count, content=content, written_at=now(), written_by=version
            )
        )
        await session.flush()
        await _tell(session, export_id, wanted)
    return Outcome.DONE


async def _write_part(
    database: Database, export_id: int, wanted: _Wanted, tasks: Sequence[dict[str, Any]], text: str
) -> None:
    part = {"export_id": export_id, "number": wanted.parts + 1, "content": text}
    async with database.transaction() as session:
        session.add(ExportPart(**part, task_count=len(tasks), last_task_id=tasks[-1]["id"]))


async def _write_end(database: Database, export_id: int, wanted: _Wanted, task_count: int, version: str) -> Outcome:
    values = {"written_at": now(), "written_by": version, "task_count": wanted.tasks + task_count}
    async with database.transaction() as session:
        unwritten = Export.id == export_id, Export.written_at.is_(None)
        result = await session.execute(update(Export).where(*unwritten).values(values))
        if not getattr(result, "rowcount", 0):
            return Outcome.UNNEEDED
        await _tell(session, export_id, wanted)
    return Outcome.DONE


async def _tell(session: AsyncSession, export_id: int, wanted: _Wanted) -> None:
    await notify(
        session,
        wanted.user_id,
        "export-written",
        f"The export of {wanted.project['name']} is ready",
        key=f"export-written:{export_id}",
        project_id=wanted.project["id"],
        export_id=export_id,
    )
