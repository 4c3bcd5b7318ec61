"""Leases: of all workers, one does it, for so long as it says; if it dies, another does it then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, update

from taskmanager.db import now
from taskmanager.once import insert_once
from taskmanager.outbox.models import Lease

if TYPE_CHECKING:
    from taskmanager.db import Database


async def take_lease(database: Database, name: str, holder: str, duration: timedelta) -> bool:
    """Take the lease, or keep it; False: somebody else has it."""
    moment = now()
    values = {"holder": holder, "held_until": moment + duration}
    free = Lease.name == name, or_(Lease.holder == holder, Lease.held_until <= moment)
    async with database.transaction(without_gaps=True) as session:
        # the row is there after the first time; it expires at once, so that the update below decides
        await insert_once(session, Lease, {"name": name, "holder": holder, "held_until": moment})
        result = await session.execute(update(Lease).where(*free).values(**values))
        return bool(getattr(result, "rowcount", 0))
