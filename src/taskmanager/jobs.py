"""The jobs that the worker knows. Each decides nothing: it calls the service that the API calls too."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import random
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import structlog
from celery import shared_task
from celery.exceptions import Ignore, Reject
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager.db import Database
from taskmanager.exports import writing
from taskmanager.jobnames import FIRE_REMINDER, NOTIFY, WRITE_EXPORT
from taskmanager.notifications import service as notifications
from taskmanager.outbox import attempts
from taskmanager.outbox.attempts import ATTEMPTS, Outcome
from taskmanager.outbox.unreadable import park_unreadable
from taskmanager.reminders import service as reminders
from taskmanager.settings import Settings, load_settings
from taskmanager.stopping import run_async

_UNAVAILABLE_SECONDS: Final = 2.0
_OUTAGES: Final = (OperationalError, InterfaceError, PoolTimeoutError, OSError)
"""What an outage looks like, and some mistakes too: see `is_outage`."""
_WRONG_SQL: Final = frozenset({1048, 1054, 1064, 1109, 1136, 1146, 1364, 1366, 1406})
"""MySQL says these of a statement that never works: no such column, no such table, no default, a value that does not fit…"""
_WRONG_IN_SQLITE: Final = (
    "no such ",
    "has no column",
    "syntax error",
    "ambiguous column",
    "may not be NULL",
    "values for ",
)

log = structlog.stdlib.get_logger(__name__)
_local: Final = threading.local()


@dataclass(frozen=True, slots=True)
class Context:
    """What a job works with."""

    database: Database
    version: str


Work = Callable[..., Awaitable[Outcome]]


def is_outage(error: BaseException) -> bool:
    """The database is gone, locked or full: waiting helps, and the job is not to be given up for it.

    Both drivers give the same class of error to a statement that is wrong, as when a column is missing. That is the job's
    own fault, or a migration's: it is tried again a few times, and parked.
    """
    if not isinstance(error, _OUTAGES):
        return False
    cause = getattr(error, "orig", None)
    if cause is None or getattr(error, "connection_invalidated", False):
        return True
    code = cause.args[0] if cause.args else None
    if code in _WRONG_SQL:
        return False
    return not (
        getattr(cause, "sqlite_errorname", None) == "SQLITE_ERROR"
        and any(text in str(cause) for text in _WRONG_IN_SQLITE)
    )


@functools.cache
def _settings() -> Settings:
    return load_settings("database_url")


def _open(*, pooled: bool = False) -> Database:
    url = _settings().database_url
    assert url is not None
    return Database(url.get_secret_value(), pooled=pooled)


@contextlib.asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    """The database of a job. A process of the pool keeps its connections from job to job: to open them costs more than a job.

    The worker's own process, which runs the jobs without a pool, keeps none: it would have to close them when it ends.
    """
    if _settings().celery_worker_pool == "prefork":
        kept: Database | None = getattr(_local, "database", None)
        if kept is None:
            kept = _local.database = _open(pooled=True)
        yield kept
        return
    database = _open()
    try:
        yield database
    finally:
        await database.close()


def job(name: str) -> Callable[[Work], Work]:
    """Make a coroutine a job of this name. What a later release sends more than it takes is ignored."""

    def register(work: Work) -> Work:
        known = frozenset(inspect.signature(work).parameters) - {"context"}

        # the name of each class of requests is given as text: only the worker's own process needs it
        @shared_task(bind=True, name=name, max_retries=ATTEMPTS, Request="taskmanager.jobrequest:JobRequest")  # type: ignore[untyped-decorator]
        def run(self: Any, v: int = 1, outbox_id: int | None = None, **payload: Any) -> str:  # noqa: ARG001
            values = {key: value for key, value in payload.items() if key in known}
            outcome = _run_once(self, work, outbox_id, values)
            if outcome in {Outcome.FAILED, Outcome.PARKED}:
                # what makes Celery acknowledge the message without believing that all is well
                raise Ignore(str(outcome))
            return str(outcome)

        return work

    return register


def _run_once(task: Any, work: Work, outbox_id: int | None, values: dict[str, Any]) -> Outcome:
    logger = log.bind(job=task.name, **values)
    logger.info("job begins")
    try:
        if latency := _settings().faults.latency_ms:
            time.sleep(latency / 1000)
        outcome = run_async(_attempt(work, outbox_id, values))
    except asyncio.CancelledError:
        raise Reject("the worker stops", requeue=True) from None
    except Exception as error:
        if is_outage(error):
            # resting here keeps the pool from running through the whole queue in vain
            logger.warning("the job goes back: the database does not answer", error=type(error).__name__)
            time.sleep(_UNAVAILABLE_SECONDS)
            raise Reject("the database does not answer", requeue=True) from error
        # sent by a release without an outbox: the message itself has to remember
        if task.request.retries >= ATTEMPTS:
            payload = orjson.dumps(values | {"v": 1}).decode()
            key, reason = f"message:{task.request.id}", attempts.reason_of(error)
            run_async(_in_transaction(lambda session: attempts.park(session, task.name, key, payload, reason)))
            logger.exception("the job is parked")
            return Outcome.PARKED
        logger.warning("the job is tried again", error=type(error).__name__)
        raise task.retry(exc=error, countdown=attempts.wait_after(task.request.retries).total_seconds()) from error
    logger.info("job ended", outcome=str(outcome))
    if outcome is Outcome.UNFINISHED and outbox_id is None:
        raise Reject("it goes on in another turn", requeue=True)
    return outcome


async def _attempt(work: Work, outbox_id: int | None, values: dict[str, Any]) -> Outcome:
    """One attempt, written down in the outbox.

    Raises:
        Exception: for one without a row in the outbox, or for which the database was not there.
    """
    async with _database() as database:
        if outbox_id is not None and (ended := await attempts.begin(database, outbox_id)) is not None:
            return ended
        try:
            misbehave(_settings())
            outcome = await work(Context(database, _settings().app_version), **values)
        except asyncio.CancelledError:
            if outbox_id is not None:
                await attempts.take_back(database, outbox_id)
            raise
        except Exception as error:
            if is_outage(error) and outbox_id is not None:
                await attempts.take_back(database, outbox_id)
            if is_outage(error) or outbox_id is None:
                raise
            log.warning("the job is tried again", error=type(error).__name__, exc_info=True)
            return await attempts.fail(database, outbox_id, error)
        if outbox_id is not None:
            if outcome is Outcome.UNFINISHED:
                await attempts.go_on_later(database, outbox_id)
            else:
                await attempts.finish(database, outbox_id)
        return outcome


def misbehave(settings: Settings) -> None:
    """Fail as the fault switches say.

    Raises:
        RuntimeError: for `error_rate`.
    """
    rate = settings.faults.error_rate
    if rate and random.random() < rate:  # noqa: S311  # chance, not a secret
        raise RuntimeError("error_rate: this job fails (TASKMANAGER_FAULTS)")


def park_message(name: str, body: bytes | str, error: BaseException) -> None:
    """Keep a message that nobody can read; however often it is delivered, once."""
    reason = attempts.reason_of(error)
    run_async(_in_transaction(lambda session: park_unreadable(session, name, body, reason)))
    log.error("a job that nobody can read is parked", job=name, reason=reason)


async def _in_transaction(work: Callable[[AsyncSession], Awaitable[None]]) -> None:
    database = _open()
    try:
        async with asyncio.timeout(10), database.transaction() as session:
            await work(session)
    finally:
        await database.close()


@job(WRITE_EXPORT)
async def write_export(context: Context, export_id: int) -> Outcome:
    return await writing.write_export(context.database, export_id, version=context.version)


@job(FIRE_REMINDER)
async def fire_reminder(context: Context, reminder_id: int, remind_at: str) -> Outcome:
    fired = await reminders.fire(context.database, reminder_id, datetime.fromisoformat(remind_at))
    return Outcome.DONE if fired else Outcome.UNNEEDED


@job(NOTIFY)
async def notify(context: Context, user_id: int, kind: str, text: str, key: str, subjects: dict[str, int]) -> Outcome:
    told = await notifications.deliver(context.database, user_id, kind, text, key=key, subjects=subjects)
    return Outcome.DONE if told else Outcome.UNNEEDED
