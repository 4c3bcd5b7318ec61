"""What a worker does beside its jobs, in a thread of its own process: hands the outbox to the broker, cleans up, tells.

Each worker does it, so that nothing depends on a process of which there is one (a beat): two of them get in nobody's way.
Rows of the outbox are claimed, what is to be done once a minute is leased. It is a thread and no process, since it costs
a worker nothing to speak of; it goes on while the consumer has lost its broker, and while a pool without processes works.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import structlog
from redis import Redis, RedisError

import taskmanager.schema  # noqa: F401  # tables name each other by foreign keys: all must be known
from taskmanager import heartbeat
from taskmanager.forking import ThreadDatabase
from taskmanager.housekeeping import clean_up
from taskmanager.jobqueue import QueueUnavailable, Sender
from taskmanager.jobrequest import FAILURES, ended
from taskmanager.outbox.leases import take_lease
from taskmanager.outbox.service import BATCH, relay, send_lost_again
from taskmanager.outbox.unreadable import park_unreadable
from taskmanager.queuemetrics import CloudWatch, Readings, WorkerMetrics, queue_length, read_database
from taskmanager.transport import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from taskmanager.settings import Settings

TICK_SECONDS: Final = 1.0
READ_SECONDS: Final = 5.0
MINUTE: Final = timedelta(seconds=60)
LONGEST_PAUSE_SECONDS: Final = 15.0
"""Between two tries to reach a database or a broker that is gone."""
STEP_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0

log = structlog.stdlib.get_logger(__name__)


def pause_after(failures: int, chance: float) -> float:
    """Seconds until the next round: one, and more while what is needed is gone; `chance` of 0 to 1 spreads the workers."""
    if failures == 0:
        return TICK_SECONDS
    return min(TICK_SECONDS * 2.0 ** min(failures, 10), LONGEST_PAUSE_SECONDS) * (0.5 + chance / 2)


@dataclass(slots=True)
class _Timer:
    """Whether something is to be done again."""

    every: float
    due_at: float = 0.0

    def is_due(self, moment: float) -> bool:
        if moment < self.due_at:
            return False
        self.due_at = moment + self.every
        return True


class Upkeep(threading.Thread):
    """Begins with `start`, ends by `stop`; whatever happens in it harms no job."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="upkeep", daemon=True)
        assert settings.database_url is not None
        assert settings.broker_url is not None
        self._database = ThreadDatabase(settings.database_url.get_secret_value())
        self._sender = Sender(settings)
        self._redis: Redis = Redis.from_url(
            settings.broker_url.get_secret_value(), socket_timeout=3.0, socket_connect_timeout=2.0
        )
        self._holder = f"{heartbeat.hostname()}-{os.getpid()}"
        self._metrics = WorkerMetrics(settings.app_version, ended)
        self._server: Any = None
        self._settings = settings
        self._cloudwatch = CloudWatch(ended, FAILURES) if settings.publishes_to_cloudwatch else None
        self._publishing: asyncio.Task[None] | None = None
        self._readings = Readings()
        self._read, self._minute = _Timer(READ_SECONDS), _Timer(MINUTE.total_seconds())
        self._stopped = threading.Event()
        self._failures = 0

    def stop(self) -> None:
        """End soon; what is being sent is sent first."""
        self._stopped.set()
        if self.is_alive():
            self.join(STOP_SECONDS)
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        while not self._stopped.is_set():
            more = await self._round()
            pause = 0.0 if more else pause_after(self._failures, random.random())  # noqa: S311  # chance, not a secret
            await asyncio.to_thread(self._stopped.wait, pause)
        await self._sender.close()
        await self._database.close()

    async def _round(self) -> bool:
        """All that is due; whether there is more to send at once."""
        sent = await self._guarded(relay(self._database, self._sender.send))
        # the age of the oldest job is of interest just when nothing can be sent
        looked = await self._guarded(self._look())
        if sent is None or looked is None:
            self._failures += 1
        elif self._failures:
            log.info("the upkeep goes on", failures=self._failures)
            self._failures = 0
        return (sent or 0) >= BATCH

    async def _guarded(self, step: Coroutine[Any, Any, int]) -> int | None:
        """Do a step; None: it failed. The thread has to go on, whatever it was."""
        try:
            async with asyncio.timeout(STEP_SECONDS):
                return await step
        except Exception as error:  # noqa: BLE001
            reason = str(error)[:200] if isinstance(error, QueueUnavailable) else type(error).__name__
            log.warning("the upkeep is tried again", reason=reason, failures=self._failures)
            return None

    async def _look(self) -> int:
        """What is done every few seconds, and every minute; how many messages were lost."""
        moment, lost = monotonic(), 0
        if self._read.is_due(moment):
            self._readings = Readings(queue_length=await self._queue_length())
            self._metrics.show(self._readings)
            await self._park_unreadable()
            oldest, parked = await read_database(self._database)
            self._readings = replace(self._readings, oldest_age_seconds=oldest, parked=parked)
            self._metrics.show(self._readings)
            if self._readings.queue_length is not None:
                lost = await send_lost_again(self._database, queue_is_empty=self._readings.queue_length == 0)
            if lost:
                log.warning("messages that the broker lost are sent again", messages=lost)
                self._metrics.count_lost(lost)
        if self._minute.is_due(moment):
            self._serve()
            # longer than until the next time, so that whoever has it keeps it
            is_holder = await take_lease(self._database, "upkeep", self._holder, MINUTE * 1.5)
            self._publish(self._readings if is_holder else Readings())
            if is_holder and (deleted := await clean_up(self._database)):
                log.info("old rows are deleted", rows=deleted)
        return lost

    async def _park_unreadable(self) -> None:
        """Park what the consumer took out of the queue and could not read; an entry leaves its list when it is parked."""
        while (entry := await self._asked(lambda: self._redis.lindex(UNREADABLE, -1))) is not None:
            async with self._database.transaction() as session:
                await park_unreadable(session, "without a name", entry, "Unreadable: it is no message")
            log.error("an entry of the queue that nobody can read is parked")
            await self._asked(partial(self._redis.lrem, UNREADABLE, -1, entry))

    async def _asked(self, question: Callable[[], Any]) -> Any:
        """What the broker says; None while it does not answer."""
        try:
            return await asyncio.to_thread(question)
        except RedisError:
            return None

    async def _queue_length(self) -> int | None:
        length: int | None = await self._asked(lambda: queue_length(self._redis))
        return length

    def _serve(self) -> None:
        """Answer Prometheus. A port that is taken, as by the worker which this one replaces, is tried again later."""
        if self._settings.metrics_port is None or self._server is not None:
            return
        try:
            self._server = self._metrics.serve(self._settings)
        except OSError as error:
            log.warning("the port of metrics is taken", port=self._settings.metrics_port, error=str(error))

    def _publish(self, readings: Readings) -> None:
        """Tell CloudWatch, beside everything else. The queue is told by one worker, its own failures by each."""
        if self._cloudwatch is None or not (self._publishing is None or self._publishing.done()):
            return
        self._publishing = asyncio.get_running_loop().create_task(self._publish_now(self._cloudwatch, readings))

    async def _publish_now(self, cloudwatch: CloudWatch, readings: Readings) -> None:
        try:
            await asyncio.to_thread(cloudwatch.publish, readings)
        except ImportError as error:
            log.warning("CloudWatch is not told: its library is not installed", library=error.name)
            self._cloudwatch = None
        except Exception as error:  # noqa: BLE001  # no credentials, no network, no boto3: the jobs go on
            log.warning("CloudWatch was not told", error=type(error).__name__)
