"""Takes jobs from the queue, and puts back with a delay those that this release does not know.

While a new API and an old worker run side by side, the old worker may receive a job of the new release. Celery's own
answer is to drop it for good; here it goes back to the queue, where a newer worker finds it.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from celery import bootsteps
from celery.worker.consumer import Consumer
from celery.worker.consumer.control import Control

from taskmanager import heartbeat

RETURN_SECONDS: Final = 5.0
"""How long an unknown job rests here before it goes back, so that it does not circle through the old workers."""

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
