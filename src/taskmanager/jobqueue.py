"""Sends jobs of the outbox to the broker: from the API right after a commit, from each worker all the time.

The API only rings early, so that a job begins at once while the broker is there. That a job is sent at all is the worker's
business: where jobs are to be done there is a worker, and the API keeps nobody waiting for a broker that is gone.
"""

from __future__ import annotations

import asyncio
import threading
from time import monotonic
from typing import TYPE_CHECKING, Final

import structlog

from taskmanager.outbox.service import BATCH, Waiting, relay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from celery import Celery

    from taskmanager.db import Database
    from taskmanager.settings import Settings

QUIET_SECONDS: Final = 5.0
"""After a broker that did not answer, the API leaves the jobs to the workers for so long."""

log = structlog.stdlib.get_logger(__name__)


class QueueUnavailable(Exception):
    """The broker does not take the job."""


class Sender:
    """Speaks to the broker. Celery is imported when the first job is sent: most API processes never do."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: Celery | None = None
        self._lock = threading.Lock()

    async def send(self, rows: Sequence[Waiting], sent: list[int]) -> None:
        """Send jobs one after the other, noting each that the broker took.

        Raises:
            QueueUnavailable: the broker does not answer.
        """
        await asyncio.to_thread(self._send, rows, sent)

    def _send(self, rows: Sequence[Waiting], sent: list[int]) -> None:
        from kombu.exceptions import OperationalError  # noqa: PLC0415

        with self._lock:
            app = self._application()
            try:
                for row in rows:
                    # a job has one id however often it is sent, so that its lines in the logs of two workers are found together
                    values = {**row.payload, "outbox_id": row.id}
                    app.send_task(row.job, kwargs=values, task_id=row.unique_key, retry=False)
                    sent.append(row.id)
            except (OperationalError, OSError) as error:
                raise QueueUnavailable(type(error.__cause__ or error).__name__) from error

    def _application(self) -> Celery:
        from taskmanager.broker import create_celery  # noqa: PLC0415

        if self._app is None:
            self._app = create_celery(self._settings, patient=False)
        return self._app

    async def close(self) -> None:
        if self._app is not None:
            await asyncio.to_thread(self._app.close)


class Queue:
    """The API's end: sends what was committed, beside the requests."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database, self._sender = database, Sender(settings)
        self._has_broker = settings.broker_url is not None
        self._wanted, self._quiet_until = False, 0.0
        self._sending: asyncio.Task[None] | None = None
        database.on_enqueued = self.ring

    def ring(self) -> None:
        """Something is in the outbox. Returns at once."""
        if not self._has_broker or monotonic() < self._quiet_until:
            return
        self._wanted = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._wanted:
                self._wanted = False
                if await relay(self._database, self._sender.send) >= BATCH:
                    self._wanted = True
        except Exception as error:  # noqa: BLE001  # whatever it is: the workers send what is left
            self._quiet_until = monotonic() + QUIET_SECONDS
            log.warning("jobs wait in the outbox", error=type(error).__name__, reason=str(error)[:200])

    async def close(self) -> None:
        if self._sending is not None:
            # what is not sent soon is sent by a worker
            await asyncio.wait([self._sending], timeout=QUIET_SECONDS)
        await self._sender.close()
