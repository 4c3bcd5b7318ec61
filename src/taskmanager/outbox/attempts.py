"""A worker's book of a job: begun, done, failed, given up.

Each beginning is counted before the work, so that a job which kills its process is given up too.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, update

from taskmanager.db import now
from taskmanager.once import insert_once
from taskmanager.outbox.models import LONGEST_KEY, LONGEST_REASON, OutboxRow, ParkedJob

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from taskmanager.db import Database

ATTEMPTS: Final = 8
"""So often a job is begun in vain until it is parked: with the waits between, about four minutes."""
_LONGEST_WAIT: Final = timedelta(minutes=5)


class Outcome(StrEnum):
    """How a job ended."""

    DONE = "done"
    UNNEEDED = "unneeded"
    """Its effect was there already, or nobody wants it any more."""
    UNFINISHED = "unfinished"
    """It got on, and goes on in another turn."""
    FAILED = "failed"
    """It is tried again."""
    PARKED = "parked"


def wait_after(attempts: int) -> timedelta:
    """How long a job rests that was begun so often in vain: 2 s, 4 s, 8 s, … at most 5 minutes."""
    return min(timedelta(seconds=2.0 ** min(attempts, 10)), _LONGEST_WAIT)


async def begin(database: Database, row_id: int) -> Outcome | None:
    """Count a beginning. None: do the work; else it needs none, and this is why."""
    async with database.transaction() as session:
        row = await session.get(OutboxRow, row_id, with_for_update=True)
        if row is None or row.done_at is not None:
            # a row goes only long after it was done
            return Outcome.UNNEEDED
        if row.attempts >= ATTEMPTS:
            await _park_row(session, row, row.last_error or "its process ended each time")
            return Outcome.PARKED
        row.attempts += 1
    return None


async def take_back(database: Database, row_id: int) -> None:
    """The work could not be done for a reason that is not the job's: the beginning does not count."""
    async with database.transaction() as session:
        attempted = OutboxRow.id == row_id, OutboxRow.attempts > 0
        await session.execute(update(OutboxRow).where(*attempted).values(attempts=OutboxRow.attempts - 1))


async def finish(database: Database, row_id: int) -> None:
    moment = now()
    values = {"done_at": moment, "sent_at": func.coalesce(OutboxRow.sent_at, moment), "claimed_until": None}
    async with database.transaction() as session:
        await session.execute(update(OutboxRow).where(OutboxRow.id == row_id).values(values))


async def go_on_later(database: Database, row_id: int) -> None:
    """The job got on and wants another turn; the attempts are counted anew."""
    values = {"sent_at": None, "claimed_until": None, "available_at": now(), "attempts": 0}
    async with database.transaction() as session:
        await session.execute(update(OutboxRow).where(OutboxRow.id == row_id).values(values))


async def fail(database: Database, row_id: int, error: Exception) -> Outcome:
    """Let it be tried again after a while, or park it."""
    reason = reason_of(error)
    async with database.transaction() as session:
        row = await session.get(OutboxRow, row_id, with_for_update=True)
        if row is None or row.done_at is not None:  # another worker has done it meanwhile
            return Outcome.UNNEEDED
        row.last_error = reason
        if row.attempts >= ATTEMPTS:
            await _park_row(session, row, reason)
            return Outcome.PARKED
        row.sent_at = row.claimed_until = None
        row.available_at = now() + wait_after(row.attempts)
    return Outcome.FAILED


def reason_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST_REASON]


async def park(session: AsyncSession, job: str, key: str, payload: str, reason: str, *, attempts: int = 0) -> None:
    """Keep a job for an operator; the same one once."""
    values = {"job": job[:64], "unique_key": key[:LONGEST_KEY], "payload": payload, "attempts": attempts}
    await insert_once(session, ParkedJob, {**values, "reason": reason[:LONGEST_REASON], "parked_at": now()})


async def _park_row(session: AsyncSession, row: OutboxRow, reason: str) -> None:
    row.done_at = now()
    row.sent_at = row.sent_at or row.done_at
    row.claimed_until = None
    await park(session, row.job, row.unique_key, row.payload, reason, attempts=row.attempts)
