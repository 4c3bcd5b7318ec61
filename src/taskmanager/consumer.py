"""Takes jobs from the queue, and puts back with a delay those that this release does not know.

While a new API and an old worker run side by side, the old worker may receive a job of the new release. Celery's own
answer is to drop it for good; here it goes back to the queue, where a newer worker finds it.
"""

from __future__ import annotations

import logging
from multiprocessing.connection import wait
from time import monotonic
from typing import Any, Final

from celery import bootsteps
from celery.worker.consumer import Consumer
from celery.worker.consumer.control import Control

from taskmanager import heartbeat

UNREADABLE: Final = "taskmanager.unreadable"
"""A list at the broker: what is no job at all, byte by byte."""
RETURN_SECONDS: Final = 5.0
"""How long an unknown job rests here before it goes back, so that it does not circle through the old workers."""

BEGIN_SECONDS: Final = 2.0
"""How long a process of the pool may take to say that it has begun the job which was sent to it."""

log = logging.getLogger(__name__)


class PatientConsumer(Consumer):
    """Celery's consumer, which drops no job because it is unknown."""

    qos: Any
    """How many messages may be held; made when the connection is."""

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        name = (message.headers or {}).get("task") or "without a name"
        log.warning("unknown job %s goes back to the queue in %g s", name, RETURN_SECONDS)
        # one more may be fetched meanwhile, as for jobs that wait for their time: the resting one blocks nobody
        self.qos.increment_eventually()

        def put_back() -> None:
            self.qos.decrement_eventually()
            message.reject_log_error(log, self.connection_errors, requeue=True)

        assert self.timer is not None
        self.timer.call_after(RETURN_SECONDS, put_back)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Keep a message that is no job, out of everybody's way: Celery would drop it."""
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        log.error("a message that cannot be read is kept in %s: %s", UNREADABLE, type(exc).__name__)
        message.channel.client.rpush(UNREADABLE, body)
        message.ack_log_error(log, self.connection_errors)

    def on_close(self) -> None:
        """At a stop: hear of jobs that have just begun, before Celery forgets those of which it has not heard.

        A job that was sent to a process, and whose "accepted" was not read yet, is dropped by Celery as never begun. It runs all
        the same, nobody reads its result, and its process waits 30 s for somebody who does: as long as ECS waits before it kills.
        """
        pool = getattr(self.pool, "_pool", None)
        if hasattr(pool, "_fileno_to_outq"):
            _hear_of_begun_jobs(pool)
        super().on_close()  # type: ignore[no-untyped-call]


def _hear_of_begun_jobs(pool: Any) -> None:
    """Read what the processes of a pool say, until each job that was sent to one is known to have begun."""
    handler, processes, deadline = pool._result_handler, pool._fileno_to_outq, monotonic() + BEGIN_SECONDS  # noqa: SLF001
    gone: set[int] = set()

    def unheard() -> set[int]:
        sent_to = [job._write_to for job in pool._cache.values() if not job.ready() and not job._accepted]  # noqa: SLF001
        return {process.outqR_fd for process in sent_to if process is not None} - gone

    while (fds := unheard()) and (left := deadline - monotonic()) > 0:
        for fd in wait(list(fds), left):
            handler._flush_outqueue(fd, gone.add, processes, handler.on_state_change)  # noqa: SLF001


class Heartbeat(bootsteps.StartStopStep):
    """Writes down that the worker is alive and takes jobs, for a health check that costs nothing."""

    requires = ("celery.worker.consumer.tasks:Tasks",)  # type: ignore[assignment]  # celery's own is an empty tuple
    _timer: Any = None

    def start(self, consumer: Any) -> None:
        self._beat(consumer)
        self._timer = consumer.timer.call_repeatedly(heartbeat.INTERVAL_SECONDS, self._beat, (consumer,))

    def stop(self, consumer: Any) -> None:  # noqa: ARG002
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self, consumer: Any) -> None:
        if not heartbeat.beat():
            self._timer.cancel()
            # `inspect ping` gets no answer either
            control = next(step for step in consumer.blueprint.order if isinstance(step, Control))
            control.box.shutdown(consumer)
