"""The API's end of the queue. Celery takes half a second to import: that is done beside the first requests, not before them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

from taskmanager.jobnames import MESSAGE_VERSION
from taskmanager.settings import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from celery import Celery

    from taskmanager.settings import Settings


class QueueUnavailable(Exception):
    """The broker does not take the job."""


class Queue:
    """Sends jobs without keeping the event loop waiting."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: Celery | None = None
        self._lock = threading.Lock()

    async def load(self) -> None:
        """Be ready for the first job. What is wrong is told when one is sent."""
        with contextlib.suppress(ConfigurationError):
            await asyncio.to_thread(self._application)

    async def send(self, name: str, key: str, payload: Mapping[str, Any]) -> None:
        """Give a job to the queue.

        Raises:
            QueueUnavailable: the broker does not answer, or none is configured.
        """
        await asyncio.to_thread(self._send, name, key, payload)

    def _send(self, name: str, key: str, payload: Mapping[str, Any]) -> None:
        from kombu.exceptions import OperationalError  # noqa: PLC0415

        try:
            # the id is the key: the lines of one job in the logs of two workers are found together
            self._application().send_task(name, kwargs={**payload, "v": MESSAGE_VERSION}, task_id=key, retry=False)
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
