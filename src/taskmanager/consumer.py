"""Takes jobs from the queue; puts back with a delay those that are of a later release, parks what nobody can read.

While a new API and an old worker run side by side, the old worker may receive a job of the new release. Celery's own
answer is to drop it for good; here it goes back to the queue, where a newer worker finds it.
"""

from __future__ import annotations

import logging
import random
from multiprocessing.connection import wait
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from celery import bootsteps
from celery.worker.consumer import Consumer
from celery.worker.consumer.control import Control

from taskmanager import heartbeat
from taskmanager.jobnames import MESSAGE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

RETURN_SECONDS: Final = 5.0
"""How long an unknown job rests here before it goes back, so that it does not circle through the old workers."""

BEGIN_SECONDS: Final = 2.0
"""How long a process of the pool may take to say that it has begun the job which was sent to it."""

log = logging.getLogger(__name__)


class Unreadable(Exception):
    """A message from which nobody learns what is wanted."""


class PatientConsumer(Consumer):
    """Celery's consumer, which drops no job."""

    qos: Any
    """How many messages may be held; made when the connection is."""

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], Any]:
        """Look at each message before Celery does: it decodes some only in a process of the pool, where they are lost."""
        handle: Callable[[Any], Any] = super().create_task_handler(*arguments, **options)  # type: ignore[no-untyped-call]

        def on_message(message: Any) -> Any:
            try:
                version = version_of(message.headers, message.decode())
            except Exception as error:  # noqa: BLE001  # whatever is wrong with it, nobody can read it
                return self.on_decode_error(message, error)
            if version > MESSAGE_VERSION:
                log.warning("a job of a later release goes back", extra={"job": name_of(message), "v": version})
                return self._rest(message)
            return handle(message)

        return on_message

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        log.warning("unknown job %s goes back to the queue in %g s", name_of(message), RETURN_SECONDS)
        self._rest(message)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._park(message, exc)

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002
        self._park(message, exc)

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002
        self._park(message, Unreadable("it names no job"))

    def _rest(self, message: Any) -> None:
        # one more may be fetched meanwhile, as for jobs that wait for their time: the resting one blocks nobody
        self.qos.increment_eventually()

        def put_back() -> None:
            self.qos.decrement_eventually()
            message.reject_log_error(log, self.connection_errors, requeue=True)

        assert self.timer is not None
        # not in step with the second for which workers wait at the queue: it would come to the same one each time
        self.timer.call_after(RETURN_SECONDS + random.random(), put_back)  # noqa: S311  # chance, not a secret

    def _park(self, message: Any, error: Exception) -> None:
        # imported by a worker that runs jobs anyway; not by the health command
        from taskmanager.jobs import park_message  # noqa: PLC0415

        try:
            park_message(name_of(message), message.body, error)
        except Exception as failure:  # noqa: BLE001  # the database is gone: it is tried again when the message comes again
            log.warning("a job that nobody can read goes back: it cannot be parked: %s", type(failure).__name__)
            self._rest(message)
        else:
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


def name_of(message: Any) -> str:
    """The job that a message is for, so far as it says."""
    headers = message.headers
    return str((headers.get("task") if isinstance(headers, dict) else None) or "without a name")


def version_of(headers: Any, body: Any) -> int:
    """The version that a worker must know; that of the first release was not written down.

    Raises:
        Unreadable: this is no message of a job.
    """
    if not isinstance(headers, dict) or not isinstance(headers.get("task"), str):
        raise Unreadable("it names no job")
    if not (isinstance(body, list | tuple) and len(body) == 3 and not body[0] and isinstance(body[1], dict)):  # noqa: PLR2004
        raise Unreadable("it has no arguments, or other than named ones")
    version = body[1].get("v", 1)
    if not isinstance(version, int) or isinstance(version, bool):
        raise Unreadable("its version is no number")
    return version


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
