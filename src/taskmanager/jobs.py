"""The jobs that the worker knows. Each decides nothing: it calls the service that the API calls too."""

from __future__ import annotations

import asyncio
import functools
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from celery import shared_task
from celery.exceptions import Reject

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager.broker import MESSAGE_VERSION, WRITE_EXPORT
from taskmanager.db import Database
from taskmanager.exports import service
from taskmanager.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Coroutine

_RETRY_SECONDS: Final = 2
_NEWER_RETRY_SECONDS: Final = 5
_ATTEMPTS: Final = 10

log = structlog.stdlib.get_logger(__name__)
_local: Final = threading.local()


@functools.cache
def _settings() -> Settings:
    return load_settings("database_url")


def run_async(work: Coroutine[Any, Any, bool]) -> bool:
    """Run a service's coroutine in this thread's own event loop, which lives as long as the thread."""
    runner: asyncio.Runner | None = getattr(_local, "runner", None)
    if runner is None:
        runner = _local.runner = asyncio.Runner()
    return runner.run(work)


@shared_task(bind=True, name=WRITE_EXPORT, max_retries=_ATTEMPTS)  # type: ignore[untyped-decorator]
def write_export(self: Any, export_id: int, v: int = 1, **_later: Any) -> None:
    """Write an export. What a later release sends more is ignored; what is of a later version goes back."""
    if v > MESSAGE_VERSION:
        log.warning("a job of a later release goes back", job=WRITE_EXPORT, v=v)
        raise self.retry(countdown=_NEWER_RETRY_SECONDS, max_retries=None)
    log.info("export begins", export_id=export_id)
    try:
        misbehave(_settings())
        written = run_async(_write(export_id))
    except Reject:
        raise
    except Exception as error:
        log.warning("the export is tried again", export_id=export_id, error=type(error).__name__)
        raise self.retry(exc=error, countdown=_RETRY_SECONDS) from error
    log.info("export written" if written else "export needs no writing", export_id=export_id)


async def _write(export_id: int) -> bool:
    settings = _settings()
    assert settings.database_url is not None
    # unpooled: the loop of a job does nothing between jobs, and could not keep a connection alive
    database = Database(settings.database_url.get_secret_value(), pooled=False)
    try:
        return await service.write_export(database, export_id, version=settings.app_version)
    finally:
        await database.close()


def misbehave(settings: Settings) -> None:
    """Be slow or fail as the fault switches say.

    Raises:
        RuntimeError: for `error_rate`.
    """
    faults = settings.faults
    if faults.latency_ms:
        time.sleep(faults.latency_ms / 1000)
    if faults.error_rate and random.random() < faults.error_rate:  # noqa: S311  # chance, not a secret
        raise RuntimeError("error_rate: this job fails (TASKMANAGER_FAULTS)")
