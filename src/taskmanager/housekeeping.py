"""Deletes what nobody needs any more, a few rows at a time: no statement keeps the database long."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select

from taskmanager.db import now
from taskmanager.exports.models import Export, ExportFile, ExportPart
from taskmanager.exports.service import LIFETIME
from taskmanager.notifications.models import Notification
from taskmanager.outbox.models import OutboxRow
from taskmanager.web.models import WebSession

if TYPE_CHECKING:
    from sqlalchemy import Select

    from taskmanager.db import Database

BATCH: Final = 500
FEWEST: Final = 20
"""Rows of exports are large."""
DONE_JOBS: Final = timedelta(days=7)
"""So long a second job with the same key does nothing."""
NOTIFICATIONS: Final = timedelta(days=90)


async def clean_up(database: Database, *, most_batches: int = 20) -> int:
    """Delete what is old; how many rows. What is left after so many batches is deleted the next time."""
    moment = now()
    is_expired = Export.requested_at < moment - LIFETIME
    deleted = 0
    for key, query, batch in (
        (OutboxRow.id, select(OutboxRow.id).where(OutboxRow.done_at < moment - DONE_JOBS), BATCH),
        (Notification.id, select(Notification.id).where(Notification.created_at < moment - NOTIFICATIONS), BATCH),
        (WebSession.id, select(WebSession.id).where(WebSession.expires_at < moment), BATCH),
        # from the content, of which there is never more than a week's, to the requests, which stay
        (ExportFile.export_id, select(ExportFile.export_id).join(Export).where(is_expired), FEWEST),
        (ExportPart.export_id, select(ExportPart.export_id).join(Export).where(is_expired), FEWEST),
    ):
        deleted += await _delete(database, key, query, batch, most_batches)
    return deleted


async def _delete(database: Database, key: Any, query: Select[int], batch: int, most: int) -> int:
    deleted = 0
    for _ in range(most):
        async with database.read() as connection:
            ids = (await connection.scalars(query.limit(batch))).all()
        if not ids:
            break
        async with database.transaction(without_gaps=True) as session:
            result = await session.execute(
                delete(key.class_).where(key.in_(set(ids))), execution_options={"synchronize_session": False}
            )
            deleted += int(getattr(result, "rowcount", 0))
    return deleted
