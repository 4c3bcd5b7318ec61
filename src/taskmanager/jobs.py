"""The jobs that the worker knows. Each decides nothing: it calls the service that the API calls too.

A job that fails is tried again. While the database is away that goes on for as long as it takes; a job that fails for any other
reason is parked after some attempts, with what it said: it blocks nobody, and an operator sees it (`taskmanager.parked`).
"""

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
from sqlalchemy.exc import InterfaceError, OperationalError

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager.db import Database
from taskmanager.exports.service import write_export
from taskmanager.jobnames import MESSAGE_VERSION, NOTIFY, PURGE, REMIND, WRITE_EXPORT
from taskmanager.notifications.service import notify
from taskmanager.outbox.service import mark_done, purge
from taskmanager.parked.service import park
from taskmanager.reminders.service import remind
from taskmanager.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    Work = Callable[..., Awaitable[bool]]

ATTEMPTS: Final = 5
_NEWER_RETRY_SECONDS: Final = 5
_LONGEST_RETRY_SECONDS: Final = 30
"""Well below the time after which the broker believes that nobody has the job."""

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


def is_outage(error: BaseException) -> bool:
    """The database is away or busy: another try may do, however many there were. Pure."""
    return isinstance(error, OperationalError | InterfaceError | OSError | TimeoutError)


def retry_seconds(retries: int) -> int:
    """Until the next try, after so many. Pure."""
    return int(min(2 ** min(retries + 1, 10), _LONGEST_RETRY_SECONDS))


def _job(name: str, work: Work) -> Any:
    """A job of Celery that does `work` with the arguments of the message. What a later release sends more is ignored."""

    @shared_task(bind=True, name=name, max_retries=None)  # type: ignore[untyped-decorator]
    def run(self: Any, v: int = 1, **arguments: Any) -> None:
        retries = self.request.retries
        if v > MESSAGE_VERSION:
            log.warning("a job of a later release goes back", job=name, v=v)
            raise self.retry(countdown=_NEWER_RETRY_SECONDS)
        log.info("job begins", job=name, key=self.request.id)
        try:
            misbehave(_settings())
            done = run_async(_with_database(work, self.request.id, arguments))
        except Reject:
            raise
        except Exception as error:
            if is_outage(error) or retries + 1 < ATTEMPTS:
                log.warning("job is tried again", job=name, key=self.request.id, error=type(error).__name__)
                raise self.retry(exc=error, countdown=retry_seconds(retries)) from error
            _park(self, name, arguments, error)
        else:
            log.info("job done" if done else "job needs no doing", job=name, key=self.request.id)

    return run


async def _with_database(work: Work, key: str | None, arguments: Mapping[str, Any]) -> bool:
    settings = _settings()
    assert settings.database_url is not None
    # unpooled: the loop of a job does nothing between jobs, and could not keep a connection alive
    database = Database(settings.database_url.get_secret_value(), pooled=False)
    try:
        done = await work(database, settings, **arguments)
        if key is not None:
            async with database.transaction() as session:
                await mark_done(session, key)
        return done
    finally:
        await database.close()


def _park(task: Any, name: str, arguments: Mapping[str, Any], error: Exception) -> None:
    log.error("job is parked", job=name, key=task.request.id, error=type(error).__name__)

    async def work(database: Database, _settings: Settings) -> bool:
        async with database.transaction() as session:
            return await park(session, name, str(task.request.id), arguments, error)

    try:
        run_async(_with_database(work, task.request.id, {}))
    except Exception as unparked:
        raise task.retry(exc=unparked, countdown=_LONGEST_RETRY_SECONDS) from unparked


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


# -- the jobs ------------------------------------------------------------------------------------------------------------


async def _write_export(database: Database, settings: Settings, *, export_id: int, **_later: Any) -> bool:
    return await write_export(database, export_id, version=settings.app_version)


async def _notify(
    database: Database, _settings: Settings, *, key: str, user_id: int, kind: str, text: str, **subject: Any
) -> bool:
    async with database.transaction() as session:
        return await notify(session, user_id, kind, text, key=key, task_id=subject.get("task_id"))


async def _remind(database: Database, _settings: Settings, *, reminder_id: int, **_later: Any) -> bool:
    async with database.transaction() as session:
        return await remind(session, reminder_id)


async def _purge(database: Database, _settings: Settings, **_later: Any) -> bool:
    async with database.transaction() as session:
        await purge(session)
    return True


run_write_export: Final = _job(WRITE_EXPORT, _write_export)
run_notify: Final = _job(NOTIFY, _notify)
run_remind: Final = _job(REMIND, _remind)
run_purge: Final = _job(PURGE, _purge)
