"""Jobs stay here from the commit of what needs them until the worker has done them.

A job that the queue took is due again after RESENT_AFTER, unless the worker has said that it is done: a queue that lost its
memory loses no job. A process that dies between sending and marking leaves a job to be sent again, too. The effect of each job has
a key of its own in the database, and happens once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from taskmanager.db import Database, now
from taskmanager.outbox.models import OutboxJob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

BATCH: Final = 100
LEASE: Final = timedelta(seconds=30)
"""Longer than sending a batch takes, with a queue that answers slowly."""
RESENT_AFTER: Final = timedelta(minutes=15)
"""Longer than jobs wait in the queue, but for bad times; then there are more messages for a while, and no more effects."""
KEPT: Final = timedelta(days=7)
"""How long a job that was done is known by its key."""
ENQUEUED: Final = "outbox_enqueued"
"""In `session.info`: there is something to relay after the commit."""


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed row."""

    id: int
    name: str
    key: str
    payload: Mapping[str, Any]


async def enqueue(
    session: AsyncSession, name: str, key: str, payload: Mapping[str, Any], *, due_at: datetime | None = None
) -> bool:
    """Let a job run once this transaction is committed, and not before `due_at`; False: one with this key is known."""
    moment = now()
    row = OutboxJob(job=name, key=key, payload=orjson.dumps(payload).decode(), created_at=moment)
    row.due_at = max(moment, due_at or moment)
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    session.info[ENQUEUED] = True
    return True


async def cancel(session: AsyncSession, keys: Sequence[str]) -> None:
    """Forget jobs that are not on their way yet; one that is finds by itself that nobody wants it."""
    await session.execute(delete(OutboxJob).where(OutboxJob.key.in_(keys), OutboxJob.sent_at.is_(None)))


async def claim(database: Database) -> list[Job]:
    """Up to BATCH jobs that are due, the oldest first, for whoever called alone."""
    moment = now()
    async with database.read() as connection:  # most often there is none: nobody's write has to wait for this question
        if (await connection.execute(select(OutboxJob.id).where(*_due(moment)).limit(1))).first() is None:
            return []
    query = select(OutboxJob).where(*_due(moment)).order_by(OutboxJob.due_at, OutboxJob.id).limit(BATCH)
    async with database.transaction() as session:
        rows = list(await session.scalars(query.with_for_update(skip_locked=True)))
        for row in rows:
            row.claimed_until = moment + LEASE
    return [Job(row.id, row.job, row.key, orjson.loads(row.payload)) for row in rows]


async def mark_sent(database: Database, jobs: Sequence[Job]) -> None:
    """The queue has them."""
    moment = now()
    await _update(database, jobs, sent_at=moment, due_at=moment + RESENT_AFTER, claimed_until=None)


async def mark_done(session: AsyncSession, key: str) -> None:
    """The job with this key is done, or parked: nobody has to send it again."""
    row = update(OutboxJob).where(OutboxJob.key == key, OutboxJob.done_at.is_(None))
    await session.execute(row.values(done_at=now()).execution_options(synchronize_session=False))


async def put_back(database: Database, jobs: Sequence[Job]) -> None:
    """The queue did not take them."""
    await _update(database, jobs, claimed_until=None)


async def purge(session: AsyncSession) -> None:
    """Delete what was done long ago."""
    await session.execute(delete(OutboxJob).where(OutboxJob.done_at < now() - KEPT))


def _due(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    is_free = or_(OutboxJob.claimed_until.is_(None), OutboxJob.claimed_until < moment)
    return OutboxJob.done_at.is_(None), OutboxJob.due_at <= moment, is_free


async def _update(database: Database, jobs: Sequence[Job], **values: Any) -> None:
    if jobs:
        async with database.transaction() as session:
            rows = update(OutboxJob).where(OutboxJob.id.in_([job.id for job in jobs]))
            await session.execute(rows.values(**values).execution_options(synchronize_session=False))
