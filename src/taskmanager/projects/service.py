"""Projects, each seen and changed by its owner alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from taskmanager.db import now
from taskmanager.problems import not_found
from taskmanager.projects.models import Project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_COLUMNS = (Project.id, Project.name, Project.description, Project.created_at, Project.updated_at)


async def create_project(session: AsyncSession, owner_id: int, *, name: str, description: str) -> Project:
    moment = now()
    project = Project(owner_id=owner_id, name=name, description=description, created_at=moment, updated_at=moment)
    session.add(project)
    await session.flush()
    return project


async def list_projects(connection: AsyncConnection, owner_id: int, *, before: int, limit: int) -> list[dict[str, Any]]:
    """The owner's projects with an id below `before`, newest first."""
    query = select(*_COLUMNS).where(Project.owner_id == owner_id, Project.id < before)
    rows = await connection.execute(query.order_by(Project.id.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


async def read_project(connection: AsyncConnection, owner_id: int, project_id: int) -> dict[str, Any]:
    """One project.

    Raises:
        Problem: there is none, or it belongs to somebody else.
    """
    query = select(*_COLUMNS).where(Project.id == project_id, Project.owner_id == owner_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise not_found("project")
    return dict(row)


async def own_project(session: AsyncSession, owner_id: int, project_id: int) -> Project:
    """The project, to be changed in this session.

    Raises:
        Problem: there is none, or it belongs to somebody else.
    """
    project = await session.get(Project, project_id)
    if project is None or project.owner_id != owner_id:
        raise not_found("project")
    return project


async def change_project(session: AsyncSession, owner_id: int, project_id: int, changes: Mapping[str, Any]) -> Project:
    project = await own_project(session, owner_id, project_id)
    for name, value in changes.items():
        setattr(project, name, value)
    project.updated_at = now()
    return project


async def delete_project(session: AsyncSession, owner_id: int, project_id: int) -> None:
    """Delete the project and, by the database's own rule, its tasks and exports."""
    await session.delete(await own_project(session, owner_id, project_id))
