"""Forgets what AWS forgets in time: logs, metrics, histories, deleted secrets, old service deployments, deleted revisions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.loops.services import forget_old_records
from fairway.engine.model.cluster import TaskDefinitionStatus
from fairway.engine.model.service import ServiceStatus
from fairway.engine.services.cloudwatch.alarm_history import forget_old_history
from fairway.engine.services.ecs.task_definitions import is_used
from fairway.engine.services.logs.groups import expire
from fairway.engine.store.schema import REVISIONS, SECRETS, SERVICE_EVENTS, SERVICES, TASK_DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fairway.engine.services.operation import Host
    from fairway.engine.store.store import Store

EVERY: Final = timedelta(hours=1)
DELETED_KEPT: Final = timedelta(days=1)
"""Deleted services stay describable for a while, which AWS does not name."""


class Housekeeping:
    """Tidies up each engine hour."""

    def __init__(
        self,
        store: Store,
        host: Host,
        *,
        now: Callable[[], datetime],
        call_at: Callable[[datetime, Callable[[], None]], object],
    ) -> None:
        self._store = store
        self._host = host
        self._now = now
        self._call_at = call_at

    def begin(self) -> None:
        """Come back in an hour, and in an hour after that."""
        self._call_at(self._now() + EVERY, self._run)

    def _run(self) -> None:
        self.begin()
        self.tidy(self._now())

    def tidy(self, now: datetime) -> None:
        """Forget what is due."""
        expire(self._store, self._host, now)
        self._host.metrics.expire(int(now.timestamp()))
        forget_old_history(self._store, now)
        for service in self._store.all(SERVICES):
            forget_old_records(self._store, service.arn, now)
        self._forget_services(now)
        with self._store.transaction() as tx:
            for secret in self._store.all(SECRETS):
                if secret.recovery_ends_at is not None and secret.recovery_ends_at <= now:
                    tx.delete(SECRETS, secret.arn)
            for definition in self._store.all(TASK_DEFINITIONS):
                going = definition.status is TaskDefinitionStatus.DELETE_IN_PROGRESS
                if going and not is_used(self._store, definition):
                    tx.delete(TASK_DEFINITIONS, definition.arn)

    def _forget_services(self, now: datetime) -> None:
        with self._store.transaction() as tx:
            for service in self._store.all(SERVICES):
                gone = service.status is ServiceStatus.INACTIVE and service.deleted_at is not None
                if not gone or now < (service.deleted_at or now) + DELETED_KEPT:
                    continue
                for event in self._store.find(SERVICE_EVENTS, "service", service.arn):
                    tx.delete(SERVICE_EVENTS, event.id)
                for revision in self._store.find(REVISIONS, "service", service.arn):
                    tx.delete(REVISIONS, revision.arn)
                tx.delete(SERVICES, service.arn)
