"""Who may do what in a project: decided here, and nowhere else.

The one who made a project, or took their place, owns it by `projects.owner_id`, without a row in `memberships`: releases before
memberships make projects too, and know only that column. Everybody else has a row. Who has none does not learn that the project exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_, select

from taskmanager.members.models import Membership
from taskmanager.problems import Problem, not_found
from taskmanager.projects.models import Project
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import BindParameter, ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession


class Role(StrEnum):
    """What somebody is in a project."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class Action(StrEnum):
    """What somebody wants to do in a project."""

    READ = "read"
    EXPORT = "export"
    LEAVE = "leave"
    WRITE = "write"
    """Tasks, labels and comments."""
    MANAGE = "manage"
    """The project's name and key, its members, its archiving."""
    RESTORE = "restore"
    DELETE = "delete"


_VIEWER: Final = frozenset({Action.READ, Action.EXPORT, Action.LEAVE})
_MAY: Final[Mapping[Role, frozenset[Action]]] = {
    Role.VIEWER: _VIEWER,
    Role.EDITOR: _VIEWER | {Action.WRITE},
    Role.OWNER: frozenset(Action),
}
_IN_AN_ARCHIVED_PROJECT: Final = _VIEWER | {Action.RESTORE, Action.DELETE}


def may(role: Role, action: Action) -> bool:
    """The role is enough for the action."""
    return action in _MAY[role]


def refusal(role: Role | None, action: Action, *, archived: bool, what: str = "project") -> Problem | None:
    """Why the action is refused; None when it is not. `what` is what a stranger asked for."""
    if role is None:
        return not_found(what)
    if not may(role, action):
        return Problem(403, "role-too-low", f"the role {role} is not enough to {action} in this project")
    if archived and action not in _IN_AN_ARCHIVED_PROJECT:
        return Problem(409, "project-archived", "the project is archived; restore it before it is changed")
    return None


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody is in a project that they know."""

    project_id: int
    owner_id: int
    """Who made it."""
    role: Role


async def access_to_project(
    database: AsyncConnection | AsyncSession, user_id: int, project_id: int, action: Action
) -> Access:
    """The right to do this in the project.

    Raises:
        Problem: there is no such project or the user is a stranger to it, the role is too low, or it is archived.
    """
    return await _access(database, _roles(user_id).where(Project.id == project_id), user_id, action, "project")


async def access_to_task(
    database: AsyncConnection | AsyncSession, user_id: int, task_id: int, action: Action
) -> Access:
    """The right to do this to the task, as for its project.

    Raises:
        Problem: as for a project; a stranger learns of no task.
    """
    query = _roles(user_id).join(Task, Task.project_id == Project.id).where(Task.id == task_id)
    return await _access(database, query, user_id, action, "task")


async def is_member(session: AsyncSession, project_id: int, user_id: int) -> bool:
    """The user is a member now, and stays one until this transaction ends."""
    maker = await session.scalar(select(Project.owner_id).where(Project.id == project_id))
    if maker == user_id:
        return True
    # locked: who removes the member waits, and then finds what this transaction has assigned
    row = select(Membership.role).where(Membership.project_id == project_id, Membership.user_id == user_id)
    return await session.scalar(row.with_for_update(read=True)) is not None


def is_known_project(user_id: int | BindParameter[Any], project_id: Any, owner_id: Any) -> ColumnElement[bool]:
    """As a condition: the user is a member of the project whose columns these are."""
    return or_(owner_id == user_id, project_id.in_(shared_projects(user_id)))


def shared_projects(user_id: int | BindParameter[Any]) -> Select[int]:
    """The projects that others made and of which the user is a member."""
    return select(Membership.project_id).where(Membership.user_id == user_id)


def role_of(user_id: int, owner_id: int, role: str | None) -> Role | None:
    """The role, of the columns that tell it."""
    if owner_id == user_id:
        return Role.OWNER
    if role is None:
        return None
    # a role that only a later release knows gives here what each role gives
    return Role(role) if role in set(Role) else Role.VIEWER


def _roles(user_id: int) -> Select[*tuple[Any, ...]]:
    own_row = and_(Membership.project_id == Project.id, Membership.user_id == user_id)
    columns = (Project.id, Project.owner_id, Project.archived_at, Membership.role)
    return select(*columns).select_from(Project).outerjoin(Membership, own_row)


async def _access(
    database: AsyncConnection | AsyncSession, query: Select[*tuple[Any, ...]], user_id: int, action: Action, what: str
) -> Access:
    row = (await database.execute(query)).one_or_none()
    if row is None:
        raise not_found(what)
    role = role_of(user_id, row.owner_id, row.role)
    refused = refusal(role, action, archived=row.archived_at is not None, what=what)
    if refused is not None:
        raise refused
    assert role is not None
    return Access(row.id, row.owner_id, role)
