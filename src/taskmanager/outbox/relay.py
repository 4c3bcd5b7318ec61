"""Brings jobs from the outbox to the queue. Each process of the API has a relay: it wrote most of what is to be sent.

The worker would be the other place. There it would be a thread of the process that forks the pool, or a job that waits behind
the long ones; here it is one more coroutine, and the database is spoken to as everywhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from taskmanager.db import now
from taskmanager.jobnames import PURGE
from taskmanager.jobqueue import QueueUnavailable
from taskmanager.outbox.service import BATCH, claim, enqueue, mark_sent, put_back

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskmanager.db import Database

POLL_SECONDS: Final = 1.0
"""For what others wrote, and what has become due; what this process writes wakes its relay."""
_LONGEST_PAUSE_SECONDS: Final = 15.0
_LOAD_AFTER_LOOKS: Final = 3
"""When the process has been ready for a while: at its start there is enough to do."""

log = structlog.stdlib.get_logger(__name__)


def pause_seconds(failures: int, chance: float) -> float:
    """Until the next look, after so many failures in a row; `chance` between 0 and 1 keeps processes apart. Pure."""
    longest = min(POLL_SECONDS * 2.0 ** min(failures, 10), _LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + chance / 2)


class Sender(Protocol):
    """What takes jobs."""

    async def load(self) -> None:
        """Be ready for the first job."""

    async def send(self, name: str, key: str, payload: Mapping[str, Any]) -> None:
        """Raise QueueUnavailable when it does not."""


class Relay:
    """One process's relay."""

    def __init__(self, database: Database, queue: Sender) -> None:
        self._database, self._queue = database, queue
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._hour = ""
        self._calm_looks = 0

    def start(self) -> None:
        """Relay from now on, in this event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def wake(self) -> None:
        """Something was written: do not wait for the next look."""
        self._wake.set()

    async def close(self) -> None:
        """End. What is claimed and not marked yet is sent again by another."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def relay(self) -> int:
        """Send what is due, up to a batch; how many jobs.

        Raises:
            QueueUnavailable: the queue took none, or only some; the others wait.
        """
        jobs = await claim(self._database)
        sent = 0
        try:
            for job in jobs:
                await self._queue.send(job.name, job.key, job.payload)
                sent += 1
        finally:
            await mark_sent(self._database, jobs[:sent])
            await put_back(self._database, jobs[sent:])
        return sent

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            sent = await self._look()
            if sent == BATCH:
                continue
            pause = pause_seconds(self._failures, random.random())  # noqa: S311  # no secret
            if self._failures:
                await asyncio.sleep(pause)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)

    async def _look(self) -> int:
        try:
            await self._begin_hour()
            sent = await self.relay()
        except (QueueUnavailable, SQLAlchemyError, OSError) as error:
            if not self._failures:
                log.warning("jobs wait: they cannot be relayed", error=type(error).__name__, reason=str(error)[:200])
            self._failures += 1
            return 0
        if self._failures:
            log.info("jobs are relayed again", failures=self._failures)
        self._failures = 0
        self._calm_looks += 1
        if self._calm_looks == _LOAD_AFTER_LOOKS:
            await self._queue.load()
        return sent

    async def _begin_hour(self) -> None:
        """Periodic work: the first process that comes to an hour enqueues it, by a key that there is once."""
        hour = f"{now():%Y-%m-%dT%H}"
        if hour != self._hour:
            async with self._database.transaction() as session:
                await enqueue(session, PURGE, f"purge-{hour}", {})
            self._hour = hour
