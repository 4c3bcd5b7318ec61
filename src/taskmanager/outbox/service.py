"""Putting jobs into the outbox, and handing them to the broker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import ColumnElement, or_, select, update

from taskmanager.db import now
from taskmanager.once import insert_once
from taskmanager.outbox.models import LONGEST_KEY, OutboxRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from taskmanager.db import Database

BATCH: Final = 200
CLAIM: Final = timedelta(seconds=60)
"""How long a relay may take to send a batch; what it has not sent then, another sends."""
UNSEEN: Final = timedelta(seconds=30)
"""A message that was sent so long ago and is not in an empty queue is lost."""
FORGOTTEN: Final = timedelta(hours=1)
"""A message that was sent so long ago is sent again, however full the queue is."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that is to be sent now."""

    id: int
    job: str
    unique_key: str
    payload: dict[str, Any]


async def enqueue(
    session: AsyncSession,
    job: str,
    key: str,
    payload: Mapping[str, Any],
    *,
    available_at: datetime | None = None,
    v: int = 1,
) -> None:
    """Want a job, in the transaction of the decision. A second one with the same key does nothing.

    `v` is the oldest version of messages whose workers know what to do: an older worker leaves it to a newer one.
    """
    assert len(key) <= LONGEST_KEY, key
    moment = now()
    body = orjson.dumps({**payload, "v": v}).decode()
    values = {"job": job, "unique_key": key, "payload": body, "created_at": moment, "attempts": 0}
    await insert_once(session, OutboxRow, {**values, "available_at": available_at or moment})
    # `Database.transaction` rings the bell after the commit
    session.info["enqueued"] = True


def _is_due(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    free = or_(OutboxRow.claimed_until.is_(None), OutboxRow.claimed_until <= moment)
    return OutboxRow.sent_at.is_(None), OutboxRow.available_at <= moment, free


async def claim(database: Database, limit: int = BATCH) -> list[Waiting]:
    """Jobs that are due, claimed for this relay alone. The database is not kept waiting while they are sent."""
    moment = now()
    query = select(OutboxRow.id, OutboxRow.job, OutboxRow.unique_key, OutboxRow.payload).where(*_is_due(moment))
    # two relays take different rows; SQLite has one writer at a time, and no such words
    query = query.order_by(OutboxRow.available_at, OutboxRow.id).limit(limit).with_for_update(skip_locked=True)
    async with database.transaction(without_gaps=True) as session:
        rows = (await session.execute(query)).all()
        ids = [row.id for row in rows]
        if ids:
            await session.execute(update(OutboxRow).where(OutboxRow.id.in_(ids)).values(claimed_until=moment + CLAIM))
    return [Waiting(row.id, row.job, row.unique_key, orjson.loads(row.payload)) for row in rows]


async def anything_due(database: Database) -> bool:
    """A look that locks nothing, for the relays that find nothing to do almost always."""
    async with database.read() as connection:
        found = await connection.execute(select(OutboxRow.id).where(*_is_due(now())).limit(1))
        return found.first() is not None


async def settle(database: Database, sent: Sequence[int], unsent: Sequence[int]) -> None:
    """Note what the broker took, and free what it did not."""
    async with database.transaction(without_gaps=True) as session:
        if sent:
            # unless a worker was so quick that it failed already, and wants the job sent once more
            claimed = OutboxRow.id.in_(sent), OutboxRow.claimed_until.is_not(None)
            await session.execute(update(OutboxRow).where(*claimed).values(sent_at=now(), claimed_until=None))
        if unsent:
            await session.execute(update(OutboxRow).where(OutboxRow.id.in_(unsent)).values(claimed_until=None))


async def relay(database: Database, send: Callable[[Sequence[Waiting], list[int]], Awaitable[None]]) -> int:
    """Hand one batch of due jobs to the broker; how many it took.

    `send` notes the id of each that the broker took in its second argument. A crash after that sends again.

    Raises:
        Exception: whatever `send` raises; what was sent before is noted.
    """
    if not await anything_due(database):
        return 0
    rows = await claim(database)
    sent: list[int] = []
    try:
        if rows:
            await send(rows, sent)
    finally:
        if rows:
            await settle(database, sent, [row.id for row in rows if row.id not in sent])
    return len(sent)


async def send_lost_again(database: Database, *, queue_is_empty: bool) -> int:
    """Let what the broker lost be sent again; how many there were. A broker that restarts may have forgotten everything."""
    before = now() - (UNSEEN if queue_is_empty else FORGOTTEN)
    lost = OutboxRow.done_at.is_(None), OutboxRow.sent_at < before
    async with database.read() as connection:
        if (await connection.execute(select(OutboxRow.id).where(*lost).limit(1))).first() is None:
            return 0
    async with database.transaction(without_gaps=True) as session:
        result = await session.execute(update(OutboxRow).where(*lost).values(sent_at=None, claimed_until=None))
    return int(getattr(result, "rowcount", 0))
