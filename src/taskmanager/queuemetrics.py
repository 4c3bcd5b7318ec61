"""What a worker tells of its queue: to Prometheus at its port, to CloudWatch once a minute.

The length counts what waits in the broker and what a worker has taken but not acknowledged: without those, a queue whose
workers are stuck looks empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Gauge, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from sqlalchemy import func, select

from taskmanager.broker import QUEUE
from taskmanager.db import now
from taskmanager.outbox.models import OutboxRow, ParkedJob

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from redis import Redis

    from taskmanager.db import Database
    from taskmanager.settings import Settings

UNACKNOWLEDGED: Final = "unacked"
"""Where Celery's transport keeps what was taken and not acknowledged."""
NAMESPACE: Final = "TaskManager"


@dataclass(frozen=True, slots=True)
class Readings:
    """The queue at one moment; None: whoever knows does not answer."""

    queue_length: int | None = None
    oldest_age_seconds: float | None = None
    """Since the oldest job that is not done was due: in the outbox, in the broker, or with a worker."""
    parked: int | None = None


def queue_length(client: Redis) -> int:
    """Messages in the queue and with the workers."""
    pipe = client.pipeline(transaction=False)
    pipe.llen(QUEUE)
    pipe.hlen(UNACKNOWLEDGED)
    return sum(int(number) for number in pipe.execute())


async def read_database(database: Database) -> tuple[float, int]:
    """The age of the oldest job that is due and not done, in seconds, and how many are parked."""
    moment = now()
    due = OutboxRow.done_at.is_(None), OutboxRow.available_at <= moment
    async with database.read() as connection:
        oldest = (await connection.execute(select(func.min(OutboxRow.available_at)).where(*due))).scalar_one_or_none()
        parked = (await connection.execute(select(func.count()).select_from(ParkedJob))).scalar_one()
    return (0.0 if oldest is None else (moment - oldest).total_seconds()), int(parked)


class WorkerMetrics:
    """The worker's answer to Prometheus."""

    def __init__(self, version: str, ended: Mapping[tuple[str, str], int]) -> None:
        self.registry = CollectorRegistry()
        self._ended = ended
        self._length = self._gauge("celery_queue_length", "Messages in the queue and unacknowledged ones")
        self._age = self._gauge("celery_oldest_message_age_seconds", "Since the oldest job that is not done was due")
        self._parked = self._gauge("celery_parked_jobs", "Jobs that were given up; python -m taskmanager.parked")
        self._lost = self._gauge("celery_messages_sent_again", "Messages that the broker had lost, since the start")
        Gauge("taskmanager_info", "The release", ("version",), registry=self.registry).labels(version).set(1)
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def collect(self) -> Iterable[CounterMetricFamily]:
        """How jobs ended in this worker, when somebody asks."""
        family = CounterMetricFamily("celery_jobs", "Jobs of this worker by how they ended", labels=("job", "outcome"))
        for (job, outcome), count in list(self._ended.items()):
            family.add_metric((job, outcome), count)
        yield family

    def show(self, readings: Readings) -> None:
        unknown = float("nan")
        for gauge, value in (
            (self._length, readings.queue_length),
            (self._age, readings.oldest_age_seconds),
            (self._parked, readings.parked),
        ):
            gauge.set(unknown if value is None else value)

    def count_lost(self, messages: int) -> None:
        self._lost.inc(messages)

    def serve(self, settings: Settings) -> Any:
        """Answer at the port; the server, to be shut down."""
        assert settings.metrics_port is not None
        server, _ = start_http_server(settings.metrics_port, settings.host, self.registry)
        return server


def metric_data(readings: Readings, failures: int) -> list[dict[str, Any]]:
    """What CloudWatch is told; without dimensions, as the alarm of the deployment strategy asks for it."""
    values = (
        ("celery_queue_length", readings.queue_length, "Count"),
        ("celery_oldest_message_age_seconds", readings.oldest_age_seconds, "Seconds"),
        ("celery_parked_jobs", readings.parked, "Count"),
        ("celery_job_failures", failures, "Count"),
    )
    return [{"MetricName": name, "Value": float(v), "Unit": unit} for name, v, unit in values if v is not None]


class CloudWatch:
    """Publishes; what goes wrong there is logged and harms nothing."""

    def __init__(self, ended: Mapping[tuple[str, str], int], failures: frozenset[str], client: Any = None) -> None:
        self._ended, self._kinds, self._client = ended, failures, client
        self._told = 0

    def publish(self, readings: Readings) -> int:
        """Tell it the readings and how many jobs failed since the last time that it listened; how many values it took.

        Raises:
            Exception: it does not take them. The failures are told the next time.
        """
        failed = sum(count for (_, outcome), count in list(self._ended.items()) if outcome in self._kinds)
        data = metric_data(readings, failed - self._told)
        self._connected().put_metric_data(Namespace=NAMESPACE, MetricData=data)
        self._told = failed
        return len(data)

    def _connected(self) -> Any:
        if self._client is None:
            import boto3  # noqa: PLC0415  # tens of megabytes, for those who publish
            from botocore.config import Config  # noqa: PLC0415

            patience = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
            self._client = boto3.client("cloudwatch", config=patience)
        return self._client
