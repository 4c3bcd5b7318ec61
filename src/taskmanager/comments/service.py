"""Comments: read by all members, written by those who may write, changed by their author alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from taskmanager.access import Action, access_to_task
from taskmanager.activity.service import Entry, record
from taskmanager.comments.models import Comment
from taskmanager.db import now
from taskmanager.notifications.service import notify_later
from taskmanager.problems import Problem, not_found
from taskmanager.tasks.models import Task
from taskmanager.users.models import User

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_COLUMNS: Final = (
    Comment.id,
    Comment.task_id,
    Comment.author_id,
    User.name.label("author_name"),
    Comment.body,
    Comment.created_at,
    Comment.updated_at,
)


async def list_comments(
    connection: AsyncConnection, user_id: int, task_id: int, *, before: int, limit: int
) -> list[dict[str, Any]]:
    """The comments on a task with an id below `before`, newest first."""
    await access_to_task(connection, user_id, task_id, Action.READ)
    query = _comments().where(Comment.task_id == task_id, Comment.id < before)
    rows = await connection.execute(query.order_by(Comment.id.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


async def create_comment(session: AsyncSession, user_id: int, task_id: int, body: str) -> dict[str, Any]:
    access = await access_to_task(session, user_id, task_id, Action.WRITE)
    moment = now()
    comment = Comment(task_id=task_id, author_id=user_id, body=body, created_at=moment, updated_at=moment)
    session.add(comment)
    await session.flush()
    record(session, user_id, access.project_id, [Entry("comment", "created", new=comment.id)], task_id=task_id)
    assignee_id = await session.scalar(select(Task.assignee_id).where(Task.id == task_id))
    if assignee_id is not None and assignee_id != user_id:
        subjects = {"project_id": access.project_id, "task_id": task_id, "comment_id": comment.id}
        await notify_later(session, assignee_id, "comment", body, key=f"comment-{comment.id}", **subjects)
    return await _read(session, comment.id)


async def change_comment(
    session: AsyncSession, user_id: int, task_id: int, comment_id: int, body: str
) -> dict[str, Any]:
    """The comment says something else.

    Raises:
        Problem: there is none on this task, or somebody else wrote it.
    """
    access = await access_to_task(session, user_id, task_id, Action.WRITE)
    comment = await _own(session, user_id, task_id, comment_id)
    if comment.body != body:
        entry = Entry("comment", "changed", "body", comment.body, body)
        record(session, user_id, access.project_id, [entry], task_id=task_id)
        comment.body, comment.updated_at = body, now()
        await session.flush()
    return await _read(session, comment_id)


async def delete_comment(session: AsyncSession, user_id: int, task_id: int, comment_id: int) -> None:
    access = await access_to_task(session, user_id, task_id, Action.WRITE)
    comment = await _own(session, user_id, task_id, comment_id)
    # what it said goes with it: somebody may have had a reason to delete it
    record(session, user_id, access.project_id, [Entry("comment", "deleted", old=comment_id)], task_id=task_id)
    await session.delete(comment)


def _comments() -> Select[*tuple[Any, ...]]:
    return select(*_COLUMNS).join(User, User.id == Comment.author_id)


async def _read(session: AsyncSession, comment_id: int) -> dict[str, Any]:
    return dict((await session.execute(_comments().where(Comment.id == comment_id))).mappings().one())


async def _own(session: AsyncSession, user_id: int, task_id: int, comment_id: int) -> Comment:
    comment = await session.get(Comment, comment_id, with_for_update=True)
    if comment is None or comment.task_id != task_id:
        raise not_found("comment")
    if comment.author_id != user_id:
        raise Problem(403, "not-the-author", "a comment is changed by its author alone")
    return comment
