"""Parked jobs, for an operator: looked at, tried again, dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import delete, select, update

from taskmanager.db import now
from taskmanager.once import insert_once
from taskmanager.outbox.models import OutboxRow, ParkedJob
from taskmanager.problems import Problem, not_found

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession


async def list_parked(connection: AsyncConnection, *, limit: int = 1000) -> list[dict[str, Any]]:
    """The parked jobs, oldest first."""
    table = ParkedJob.__table__
    rows = await connection.execute(select(table).order_by(table.c.id).limit(limit))
    return [dict(row) for row in rows.mappings()]


async def retry_parked(session: AsyncSession, parked_id: int) -> str:
    """Put the job into the outbox again, as if it were new; its key.

    Raises:
        Problem: there is none, or nobody can read what it wants.
    """
    parked = await session.get(ParkedJob, parked_id)
    if parked is None:
        raise not_found("parked-job")
    if not _is_readable(parked.payload):
        raise Problem(409, "parked-job-unreadable", "nobody can read what it wants; it can only be dropped")
    moment = now()
    new = {"job": parked.job, "unique_key": parked.unique_key, "payload": parked.payload, "attempts": 0}
    await insert_once(session, OutboxRow, {**new, "created_at": moment, "available_at": moment})
    again = {"done_at": None, "sent_at": None, "claimed_until": None, "attempts": 0, "available_at": moment}
    await session.execute(update(OutboxRow).where(OutboxRow.unique_key == parked.unique_key).values(again))
    await session.delete(parked)
    return parked.unique_key


async def drop_parked(session: AsyncSession, parked_id: int) -> None:
    """Forget the job.

    Raises:
        Problem: there is none.
    """
    result = await session.execute(delete(ParkedJob).where(ParkedJob.id == parked_id))
    if not getattr(result, "rowcount", 0):
        raise not_found("parked-job")


def _is_readable(payload: str) -> bool:
    try:
        return isinstance(orjson.loads(payload), dict)
    except ValueError:
        return False
