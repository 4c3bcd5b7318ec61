"""The API's end of the queue. Celery is imported when the first job is queued: most API processes never do."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celery import Celery

    from taskmanager.settings import Settings


class QueueUnavailable(Exception):
    """The broker does not take the job."""


class Queue:
    """Queues jobs without keeping the event loop waiting."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: Celery | None = None
        self._lock = threading.Lock()

    async def write_export(self, export_id: int) -> None:
        """Queue the writing of an export.

        Raises:
            QueueUnavailable: the broker does not answer, or none is configured.
        """
        await asyncio.to_thread(self._send_export, export_id)

    def _send_export(self, export_id: int) -> None:
        from kombu.exceptions import OperationalError  # noqa: PLC0415

        from taskmanager.broker import MESSAGE_VERSION, WRITE_EXPORT  # noqa: PLC0415
        from taskmanager.settings import ConfigurationError  # noqa: PLC0415

        try:
            app = self._application()
            # a job of one export has one id, so that its lines in the log of two workers are found together
            app.send_task(
                WRITE_EXPORT,
                kwargs={"export_id": export_id, "v": MESSAGE_VERSION},
                task_id=f"export-{export_id}",
                retry=False,
            )
        except (OperationalError, OSError) as error:
            raise QueueUnavailable(type(error.__cause__ or error).__name__) from error
        except ConfigurationError as error:
            raise QueueUnavailable(str(error)) from error

    def _application(self) -> Celery:
        from taskmanager.broker import create_celery  # noqa: PLC0415

        with self._lock:
            if self._app is None:
                self._app = create_celery(self._settings, patient=False)
            return self._app

    async def close(self) -> None:
        if self._app is not None:
            await asyncio.to_thread(self._app.close)
