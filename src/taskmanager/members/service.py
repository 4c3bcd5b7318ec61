"""Who is a member of a project, as its owners decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from taskmanager.access import Access, Action, Role, access_to_project
from taskmanager.activity.service import Entry, record
from taskmanager.db import now
from taskmanager.members.handover import hand_over
from taskmanager.members.models import Membership
from taskmanager.problems import Problem, not_found
from taskmanager.projects.models import Project
from taskmanager.tasks.assignments import unassign
from taskmanager.users.models import User

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

MOST_MEMBERS: Final = 200
"""Of a project, besides the one who made it: the list is one page."""
_PERSON: Final = (User.id.label("user_id"), User.name, User.email)


async def list_members(connection: AsyncConnection, user_id: int, project_id: int) -> list[dict[str, Any]]:
    """All members, the one who made the project first."""
    await access_to_project(connection, user_id, project_id, Action.READ)
    return await members_of(connection, project_id)


async def members_of(connection: AsyncConnection, project_id: int) -> list[dict[str, Any]]:
    """The same to somebody whose right to read the project is known."""
    maker = select(*_PERSON, Project.created_at).join(Project, Project.owner_id == User.id)
    rows = await connection.execute(maker.where(Project.id == project_id))
    found = [{**row, "role": Role.OWNER} for row in rows.mappings()]
    others = select(*_PERSON, Membership.created_at, Membership.role).join(Membership, Membership.user_id == User.id)
    rows = await connection.execute(others.where(Membership.project_id == project_id).order_by(User.id))
    return found + [dict(row) for row in rows.mappings()]


async def add_member(session: AsyncSession, user_id: int, project_id: int, *, email: str, role: Role) -> dict[str, Any]:
    """Somebody becomes a member.

    Raises:
        Problem: nobody is registered with this address, they are a member already, or the project has too many.
    """
    access = await access_to_project(session, user_id, project_id, Action.MANAGE)
    person = (await session.execute(select(*_PERSON).where(User.email == email))).mappings().one_or_none()
    if person is None:
        raise Problem(422, "user-unknown", "nobody is registered with this address")
    count = select(func.count()).select_from(Membership).where(Membership.project_id == project_id)
    if (await session.scalar(count) or 0) >= MOST_MEMBERS:
        raise Problem(409, "too-many-members", f"a project has at most {MOST_MEMBERS} members")
    taken = Problem(409, "member-already", "they are a member of the project already")
    if person["user_id"] == access.owner_id:
        raise taken
    row = Membership(project_id=project_id, user_id=person["user_id"], role=role, created_at=now())
    session.add(row)
    try:
        await session.flush()
    except IntegrityError:
        raise taken from None
    record(session, user_id, project_id, [Entry("member", "added", new=f"{row.user_id} {role}")])
    return {**person, "role": role, "created_at": row.created_at}


async def change_member(
    session: AsyncSession, user_id: int, project_id: int, member_id: int, role: Role
) -> dict[str, Any]:
    """A member has another role. Who made the project may step down, when there is another owner.

    Raises:
        Problem: they are no member, or made the project and have to stay its owner.
    """
    access = await access_to_project(session, user_id, project_id, Action.MANAGE)
    if member_id == access.owner_id:
        row = await hand_over(session, user_id, access, role)
        assert row is not None
    else:
        row = await _member(session, access, member_id)
    if row.role != role:
        old = f"{member_id} {row.role}"
        record(session, user_id, project_id, [Entry("member", "changed", old=old, new=f"{member_id} {role}")])
        row.role = role
    person = (await session.execute(select(*_PERSON).where(User.id == member_id))).mappings().one()
    return {**person, "role": role, "created_at": row.created_at}


async def remove_member(session: AsyncSession, user_id: int, project_id: int, member_id: int) -> None:
    """A member is one no more, and no task is theirs; everybody may leave but the last owner.

    Raises:
        Problem: they are no member, or made the project and have to stay its owner.
    """
    action = Action.LEAVE if user_id == member_id else Action.MANAGE
    access = await access_to_project(session, user_id, project_id, action)
    if member_id == access.owner_id:
        await hand_over(session, user_id, access, None)
        role: str = Role.OWNER
    else:
        row = await _member(session, access, member_id)
        role = row.role
        await session.delete(row)
        await session.flush()
    await unassign(session, user_id, project_id, member_id)
    record(session, user_id, project_id, [Entry("member", "removed", old=f"{member_id} {role}")])


async def _member(session: AsyncSession, access: Access, member_id: int) -> Membership:
    row = await session.get(Membership, (access.project_id, member_id), with_for_update=True)
    if row is None:
        raise not_found("member")
    return row
