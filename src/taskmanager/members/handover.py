"""The one who made a project steps down, or leaves: another owner takes their place.

`projects.owner_id` names them, and each task of the project says it too, since the list of somebody's tasks is the hot read. All
of it changes in one transaction, so that nobody is ever seen as half an owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from taskmanager.access import Role
from taskmanager.activity.service import Entry, record
from taskmanager.db import now
from taskmanager.members.models import Membership
from taskmanager.problems import Problem, not_found
from taskmanager.projects.models import Project
from taskmanager.tasks.models import Task

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from taskmanager.access import Access


def refusal(*, is_themselves: bool, is_owner_still: bool, has_successor: bool) -> Problem | None:
    """Why who made a project cannot be given another role or leave; None when they can."""
    if not is_themselves or is_owner_still:
        return Problem(409, "owner-stays", "who made the project stays its owner, unless they step down themselves")
    if not has_successor:
        return Problem(409, "owner-stays", "the last owner stays; make another member an owner first")
    return None


async def hand_over(session: AsyncSession, user_id: int, access: Access, role: Role | None) -> Membership | None:
    """Put the owner of longest standing in the place of who made the project, and give these the role; None: they leave.

    Raises:
        Problem: somebody else wants it, there is no other owner, or that one has another project with this key.
    """
    project = await session.get(Project, access.project_id, with_for_update=True)
    if project is None or project.owner_id != access.owner_id:  # somebody was faster
        raise not_found("project")
    owners = select(Membership).where(Membership.project_id == project.id, Membership.role == Role.OWNER)
    oldest = owners.order_by(Membership.created_at, Membership.user_id).limit(1).with_for_update()
    successor = await session.scalar(oldest)
    refused = refusal(
        is_themselves=user_id == access.owner_id,
        is_owner_still=role is Role.OWNER,
        has_successor=successor is not None,
    )
    if refused is not None:
        raise refused
    assert successor is not None
    maker, heir = project.owner_id, successor.user_id
    project.owner_id, project.updated_at = heir, now()
    await session.delete(successor)
    try:
        await session.flush()
    except IntegrityError:
        raise Problem(409, "key-taken", "the next owner has another project with this key; change it first") from None
    theirs = update(Task).where(Task.project_id == project.id).values(owner_id=heir)
    await session.execute(theirs.execution_options(synchronize_session=False))
    entries = [Entry("project", "changed", "owner_id", maker, heir)]
    row = None
    if role is not None:
        row = Membership(project_id=project.id, user_id=maker, role=role, created_at=project.created_at)
        session.add(row)
        await session.flush()
        entries.append(Entry("member", "changed", old=f"{maker} {Role.OWNER}", new=f"{maker} {role}"))
    record(session, user_id, project.id, entries)
    return row
