"""The Celery application: how jobs are queued, taken, acknowledged, and put back.

A job is acknowledged when it is done, and every effect has a unique key in the database: a job that runs twice (a worker
was killed, the broker lost patience) has one effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from celery import Celery

from taskmanager.settings import ConfigurationError

if TYPE_CHECKING:
    from taskmanager.settings import Settings

QUEUE: Final = "taskmanager"
LONGEST_JOB_SECONDS: Final = 60
VISIBILITY_TIMEOUT_SECONDS: Final = 2 * LONGEST_JOB_SECONDS
"""After this the broker gives a job that nobody acknowledged to another worker. The shortest of all who share it holds."""


def create_celery(settings: Settings, *, patient: bool = True) -> Celery:
    """The application for one process: the worker's own, that of the health command, or of a producer.

    `patient`: a broker that does not answer is waited for. A producer has a client who waits, and gives up soon.

    Raises:
        ConfigurationError: no broker is named.
    """
    url = settings.broker_url
    if url is None:
        raise ConfigurationError("CELERY_BROKER_URL is missing (redis://HOST:PORT/N)")
    app = Celery("taskmanager", include=["taskmanager.jobs"])
    app.conf.update(_configuration(settings, url.get_secret_value()))
    if not patient:
        app.conf.broker_transport_options |= {"max_retries": 1, "interval_start": 0.1, "socket_timeout": 3.0}
    return app


def _configuration(settings: Settings, url: str) -> dict[str, Any]:
    patience = {"visibility_timeout": VISIBILITY_TIMEOUT_SECONDS}
    network = {"socket_connect_timeout": 2.0, "socket_timeout": 10.0, "socket_keepalive": True}
    return {
        "broker_url": url,
        "broker_transport": "taskmanager.transport:PatientTransport",
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {**patience, **network},
        "result_backend_transport_options": patience,
        "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
        "task_ignore_result": True,
        "task_default_queue": QUEUE,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_time_limit": LONGEST_JOB_SECONDS,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": settings.celery_worker_concurrency,
        "worker_max_tasks_per_child": settings.celery_worker_max_tasks_per_child,
        "worker_pool": settings.celery_worker_pool,
        "worker_consumer": "taskmanager.consumer:PatientConsumer",
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_proc_alive_timeout": 30.0,
    }
