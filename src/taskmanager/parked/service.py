"""Parked jobs: put here by the worker, looked at and sent again by an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import delete, func, select

from taskmanager.db import now
from taskmanager.outbox.service import enqueue
from taskmanager.parked.models import ParkedJob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_LONGEST_REASON: Final = 500
_COLUMNS: Final = (
    ParkedJob.id,
    ParkedJob.job,
    ParkedJob.key,
    ParkedJob.payload,
    ParkedJob.reason,
    ParkedJob.parked_at,
)


async def park(session: AsyncSession, name: str, key: str, arguments: Mapping[str, Any], error: Exception) -> bool:
    """Keep a job that failed for the last time, with what it said."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_REASON]
    row = ParkedJob(job=name, key=key, payload=orjson.dumps(dict(arguments)).decode(), reason=reason, parked_at=now())
    session.add(row)
    await session.flush()
    return True


async def list_parked(connection: AsyncConnection) -> list[dict[str, Any]]:
    """All of them, the oldest first."""
    rows = await connection.execute(select(*_COLUMNS).order_by(ParkedJob.id))
    return [dict(row) for row in rows.mappings()]


async def count_parked(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.count()).select_from(ParkedJob))).scalar_one())


async def retry_parked(session: AsyncSession, parked_id: int) -> bool:
    """Send a job again; False: there is no such one."""
    row = await session.get(ParkedJob, parked_id, with_for_update=True)
    if row is None:
        return False
    # its first key was sent, and would be taken for done
    await enqueue(session, row.job, f"retry-{row.id}-{row.key}"[:128], orjson.loads(row.payload))
    await session.delete(row)
    return True


async def drop_parked(session: AsyncSession, parked_id: int) -> bool:
    """Forget a job; False: there is no such one."""
    row = await session.scalar(select(ParkedJob.id).where(ParkedJob.id == parked_id))
    await session.execute(delete(ParkedJob).where(ParkedJob.id == parked_id))
    return row is not None
