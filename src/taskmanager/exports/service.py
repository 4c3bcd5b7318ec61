"""The API's end of exports: asked for, listed, read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from taskmanager.db import now
from taskmanager.exports import formats
from taskmanager.exports.links import LIFETIME as LINK_LIFETIME
from taskmanager.exports.models import Export, ExportFile, ExportPart
from taskmanager.jobnames import WRITE_EXPORT
from taskmanager.outbox.models import ParkedJob
from taskmanager.outbox.service import enqueue
from taskmanager.problems import Problem, not_found
from taskmanager.projects.service import own_project
from taskmanager.users.models import User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

    from taskmanager.db import Database
    from taskmanager.exports.links import Links

LIFETIME: Final = timedelta(days=7)
"""From the request until the content is deleted."""
MOST_UNFINISHED: Final = 5
"""Of a user: each costs a worker as long as it takes to read a project."""
_VERSIONS: Final = {"json": 1, "csv": 2}
"""Which workers can write a format: the first ones write JSON whatever is asked for."""
_COLUMNS = (
    Export.id,
    Export.project_id,
    Export.format,
    Export.requested_at,
    func.coalesce(ExportFile.written_at, Export.written_at, type_=Export.written_at.type).label("written_at"),
    func.coalesce(ExportFile.written_by, Export.written_by).label("written_by"),
    func.coalesce(ExportFile.task_count, Export.task_count).label("task_count"),
)


async def request_export(
    session: AsyncSession, owner_id: int, project_id: int, form: str = "json", *, most: int = MOST_UNFINISHED
) -> Export:
    """Note that an export is wanted, and who has to know: a worker. `most`: so many of a user's may wait.

    Raises:
        Problem: there is no such project, it belongs to somebody else, or too many of theirs are not written yet.
    """
    await own_project(session, owner_id, project_id)
    await _check_unfinished(session, owner_id, most)
    export = Export(project_id=project_id, requested_by=owner_id, requested_at=now(), format=form)
    session.add(export)
    await session.flush()
    await enqueue(session, WRITE_EXPORT, _key(export.id), {"export_id": export.id}, v=_VERSIONS[form])
    return export


async def _check_unfinished(session: AsyncSession, user_id: int, most: int) -> None:
    # locked: of two requests at once, the second counts what the first wants
    await session.execute(select(User.id).where(User.id == user_id).with_for_update())
    asked = Export.requested_by == user_id, Export.requested_at > now() - LIFETIME
    unwritten = Export.written_at.is_(None), ExportFile.export_id.is_(None)
    query = select(Export.id).outerjoin(ExportFile).where(*asked, *unwritten)
    waiting = {_key(export_id) for export_id in await session.scalars(query)}
    if len(waiting) < most:
        return
    # what was given up keeps nobody waiting
    parked = await session.scalars(select(ParkedJob.unique_key).where(ParkedJob.unique_key.in_(waiting)))
    if len(waiting - set(parked)) >= most:
        raise Problem(
            429,
            "too-many-exports",
            f"{most} exports of yours are not written yet; ask again when one is",
            headers={"Retry-After": "10"},
        )


async def read_export(
    connection: AsyncConnection | AsyncSession, links: Links, owner_id: int, export_id: int
) -> dict[str, Any]:
    """One export.

    Raises:
        Problem: there is none, or it belongs to somebody else.
    """
    query = select(*_COLUMNS).outerjoin(ExportFile).where(Export.id == export_id, Export.requested_by == owner_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found("export")
    [export] = await _described(connection, [dict(row)], links)
    return export


async def list_exports(
    connection: AsyncConnection, links: Links, owner_id: int, project_id: int, *, before: int, limit: int
) -> list[dict[str, Any]]:
    """The exports of a project with an id below `before`, newest first."""
    query = select(*_COLUMNS).outerjoin(ExportFile)
    query = query.where(Export.project_id == project_id, Export.requested_by == owner_id, Export.id < before)
    rows = await connection.execute(query.order_by(Export.id.desc()).limit(limit))
    return await _described(connection, [dict(row) for row in rows.mappings()], links)


async def _described(
    connection: AsyncConnection | AsyncSession, rows: list[dict[str, Any]], links: Links
) -> list[dict[str, Any]]:
    moment, parked = now(), set[str]()
    # almost always all are written, and nothing needs to be asked
    if keys := [_key(row["id"]) for row in rows if row["written_at"] is None]:
        parked = set(
            (await connection.scalars(select(ParkedJob.unique_key).where(ParkedJob.unique_key.in_(keys)))).all()
        )
    return [described(row, links, moment, is_parked=_key(row["id"]) in parked) for row in rows]


def _key(export_id: int) -> str:
    """Of its job in the outbox."""
    return f"export-{export_id}"


def described(row: dict[str, Any], links: Links, moment: datetime, *, is_parked: bool) -> dict[str, Any]:
    """The row with what follows from it."""
    expires_at = row["requested_at"] + LIFETIME
    state = "queued" if row["written_at"] is None else "written"
    if expires_at <= moment:
        state = "expired"
    elif state == "queued" and is_parked:
        state = "failed"
    url = None
    if state == "written":
        token = links.token(row["id"], min(moment + LINK_LIFETIME, expires_at))
        url = f"/exports/{row['id']}/content?token={token}"
    return {**row, "expires_at": expires_at, "state": state, "content_url": url}


async def open_content(database: Database, export_id: int, *, user_id: int | None) -> tuple[str, AsyncIterator[str]]:
    """The format, and the content piece by piece; `user_id` None: a link has let the reader in.

    Raises:
        Problem: there is no such export, it belongs to somebody else, is not written yet, or has expired.
    """
    query = select(*_COLUMNS, Export.requested_by, ExportFile.export_id.label("file_id")).outerjoin(ExportFile)
    async with database.read() as connection:
        row = (await connection.execute(query.where(Export.id == export_id))).mappings().one_or_none()
    if row is None or user_id not in {None, row["requested_by"]}:
        raise not_found("export")
    if row["requested_at"] + LIFETIME <= now():
        raise Problem(410, "export-expired", "this export has expired; ask for a new one")
    if row["written_at"] is None:
        raise not_found("export")
    return row["format"], _pieces(database, export_id, row["format"], is_whole=row["file_id"] is not None)


async def _pieces(database: Database, export_id: int, form: str, *, is_whole: bool) -> AsyncIterator[str]:
    """Each piece by a statement of its own: a slow reader holds neither memory nor a connection."""
    if is_whole:
        async with database.read() as connection:
            query = select(ExportFile.content).where(ExportFile.export_id == export_id)
            content = (await connection.execute(query)).scalar_one()
        yield content
        return
    number = 0
    while True:
        number += 1
        query = select(ExportPart.content).where(ExportPart.export_id == export_id, ExportPart.number == number)
        async with database.read() as connection:
            part = (await connection.execute(query)).scalar_one_or_none()
        if part is None:
            break
        yield part
    yield formats.tail(form)
