"""Projects, seen and changed by their members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, select, union_all
from sqlalchemy.exc import IntegrityError

from taskmanager.access import Action, access_to_project, role_of
from taskmanager.activity.service import Entry, changes, record
from taskmanager.db import now
from taskmanager.members.models import Membership
from taskmanager.problems import Problem, not_found
from taskmanager.projects.models import Project
from taskmanager.projects.settle import give_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_COLUMNS: Final = (
    Project.id,
    Project.name,
    Project.description,
    Project.created_at,
    Project.updated_at,
    Project.key,
    Project.archived_at,
    Project.owner_id,
)


async def create_project(
    session: AsyncSession, owner_id: int, *, name: str, description: str, key: str | None = None
) -> Project:
    """A new project; without a key it gets one from its name.

    Raises:
        Problem: the owner has another project with this key.
    """
    moment = now()
    project = Project(owner_id=owner_id, name=name, description=description, created_at=moment, updated_at=moment)
    if key is None:
        await give_key(session, project)
    else:
        project.key = key
        session.add(project)
        await _flush_key(session)
    record(session, owner_id, project.id, [Entry("project", "created", new=name)])
    return project


async def list_projects(
    connection: AsyncConnection, user_id: int, *, before: int, limit: int, archived: bool | None = None
) -> list[dict[str, Any]]:
    """The projects of which the user is a member with an id below `before`, newest first.

    Each branch of the union reads one index backwards from `before`, so that no page costs more than the first.
    """
    own = _only(select(*_COLUMNS).where(Project.owner_id == user_id, Project.id < before), archived)
    other = select(*_COLUMNS).join(Membership, Membership.project_id == Project.id)
    other = _only(other.where(Membership.user_id == user_id, Membership.project_id < before), archived)
    branches = (
        own.order_by(Project.id.desc()).limit(limit).subquery(),
        other.order_by(Membership.project_id.desc()).limit(limit).subquery(),
    )
    both = union_all(*(select(branch) for branch in branches)).subquery()
    role = and_(Membership.project_id == both.c.id, Membership.user_id == user_id)
    query = select(both, Membership.role).outerjoin(Membership, role).order_by(both.c.id.desc()).limit(limit)
    return [_shown(dict(row), user_id) for row in (await connection.execute(query)).mappings()]


async def read_project(database: AsyncConnection | AsyncSession, user_id: int, project_id: int) -> dict[str, Any]:
    """One project.

    Raises:
        Problem: there is none, or the user is a stranger to it.
    """
    role = and_(Membership.project_id == Project.id, Membership.user_id == user_id)
    query = select(*_COLUMNS, Membership.role).outerjoin(Membership, role).where(Project.id == project_id)
    row = (await database.execute(query)).mappings().one_or_none()
    if row is None or role_of(user_id, row["owner_id"], row["role"]) is None:
        raise not_found("project")
    return _shown(dict(row), user_id)


async def own_project(session: AsyncSession, user_id: int, project_id: int) -> Project:
    """The project, to somebody who may export it.

    Raises:
        Problem: there is none, or the user is a stranger to it.
    """
    await access_to_project(session, user_id, project_id, Action.EXPORT)
    return await _locked(session, project_id)


async def change_project(session: AsyncSession, user_id: int, project_id: int, wanted: Mapping[str, Any]) -> None:
    """Change the project.

    Raises:
        Problem: the user may not, it is archived and stays so, or the key is taken.
    """
    archived = wanted.get("archived")
    action = Action.RESTORE if archived is False else Action.MANAGE
    await access_to_project(session, user_id, project_id, action)
    project = await _locked(session, project_id)
    after = {name: value for name, value in wanted.items() if name != "archived"}
    before = {name: getattr(project, name) for name in after}
    is_archived = project.archived_at is not None
    if archived is not None:
        before["archived"], after["archived"] = is_archived, archived
    entries = changes("project", before, after)
    if not entries:
        return
    for name in after.keys() - {"archived"}:
        setattr(project, name, after[name])
    moment = now()
    if archived is not None and archived != is_archived:
        project.archived_at = moment if archived else None
    project.updated_at = moment
    await _flush_key(session)
    record(session, user_id, project_id, entries)


async def delete_project(session: AsyncSession, user_id: int, project_id: int) -> None:
    """Delete the project and, by the database's own rule, its tasks and all that hangs on them."""
    await access_to_project(session, user_id, project_id, Action.DELETE)
    await session.delete(await _locked(session, project_id))


async def _locked(session: AsyncSession, project_id: int) -> Project:
    project = await session.get(Project, project_id, with_for_update=True)
    if project is None:  # deleted since the right was looked up
        raise not_found("project")
    return project


async def _flush_key(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError:
        raise Problem(409, "key-taken", "another project of its owner has this key") from None


def _only(query: Select[*tuple[Any, ...]], archived: bool | None) -> Select[*tuple[Any, ...]]:  # noqa: FBT001
    if archived is None:
        return query
    return query.where(Project.archived_at.is_not(None) if archived else Project.archived_at.is_(None))


def _shown(row: Mapping[str, Any], user_id: int) -> dict[str, Any]:
    return {**row, "role": role_of(user_id, row["owner_id"], row["role"])}
