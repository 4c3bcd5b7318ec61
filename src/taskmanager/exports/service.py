"""Exports of a project. The API asks for them, the worker writes them; both by these functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from taskmanager.db import Database, now
from taskmanager.exports.models import Export, ExportFile
from taskmanager.jobnames import WRITE_EXPORT
from taskmanager.outbox.service import enqueue
from taskmanager.paging import decode_cursor
from taskmanager.problems import not_found
from taskmanager.projects.models import Project
from taskmanager.projects.service import own_project
from taskmanager.tasks.service import list_tasks

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

CHUNK: Final = 500
"""Tasks that are read at once: no statement keeps the database long, however large the project."""
_COLUMNS = (
    Export.id,
    Export.project_id,
    Export.requested_at,
    ExportFile.written_at,
    ExportFile.written_by,
    ExportFile.task_count,
)


async def request_export(session: AsyncSession, owner_id: int, project_id: int) -> Export:
    """Note that an export is wanted, and that the worker is to write it.

    Raises:
        Problem: there is no such project, or it belongs to somebody else.
    """
    await own_project(session, owner_id, project_id)
    export = Export(project_id=project_id, requested_by=owner_id, requested_at=now())
    session.add(export)
    await session.flush()
    await enqueue(session, WRITE_EXPORT, f"export-{export.id}", {"export_id": export.id})
    return export


async def read_export(connection: AsyncConnection | AsyncSession, owner_id: int, export_id: int) -> dict[str, Any]:
    """One export.

    Raises:
        Problem: there is none, or it belongs to somebody else.
    """
    query = select(*_COLUMNS).outerjoin(ExportFile).where(Export.id == export_id, Export.requested_by == owner_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found("export")
    return _with_state(dict(row))


async def list_exports(
    connection: AsyncConnection, owner_id: int, project_id: int, *, before: int, limit: int
) -> list[dict[str, Any]]:
    """The exports of a project with an id below `before`, newest first."""
    query = select(*_COLUMNS).outerjoin(ExportFile)
    query = query.where(Export.project_id == project_id, Export.requested_by == owner_id, Export.id < before)
    rows = await connection.execute(query.order_by(Export.id.desc()).limit(limit))
    return [_with_state(dict(row)) for row in rows.mappings()]


async def read_export_content(connection: AsyncConnection, owner_id: int, export_id: int) -> str:
    """What the worker wrote.

    Raises:
        Problem: there is no such export, it belongs to somebody else, or it is not written yet.
    """
    query = select(ExportFile.content).join(Export).where(Export.id == export_id, Export.requested_by == owner_id)
    content = (await connection.execute(query)).scalar_one_or_none()
    if content is None:
        raise not_found("export")
    return str(content)


async def write_export(database: Database, export_id: int, *, version: str) -> bool:
    """Write the export once, however often this is called; False: it was written already, or nobody wants it any more."""
    async with database.read() as connection:
        query = select(Export.requested_by, Project.id, Project.name, Project.description)
        query = query.select_from(Export).join(Project).where(Export.id == export_id)
        wanted = (await connection.execute(query)).one_or_none()
        written = await connection.execute(select(ExportFile.export_id).where(ExportFile.export_id == export_id))
        if wanted is None or written.one_or_none() is not None:
            return False
        tasks = await _all_tasks(connection, wanted.requested_by, wanted.id)
    document = {"project": {"id": str(wanted.id), "name": wanted.name, "description": wanted.description}}
    content = orjson.dumps({**document, "tasks": tasks}, option=orjson.OPT_UTC_Z).decode()
    row = ExportFile(export_id=export_id, task_count=len(tasks), content=content, written_at=now(), written_by=version)
    try:
        async with database.transaction() as session:
            session.add(row)
    except IntegrityError:  # another worker was faster, or the project was deleted meanwhile
        return False
    return True


async def _all_tasks(connection: AsyncConnection, owner_id: int, project_id: int) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = []
    before = decode_cursor(None)
    while True:
        chunk = await list_tasks(connection, owner_id, before=before, limit=CHUNK, project_id=project_id)
        if not chunk:
            return tasks
        before = chunk[-1]["id"]
        tasks.extend({**row, "id": str(row["id"]), "project_id": str(row["project_id"])} for row in chunk)


def _with_state(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "state": "queued" if row["written_at"] is None else "written"}
