"""Looks after services: gathers what the scheduler looks at, and does what it decides."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.control.container_health import is_checked
from fairway.engine.control.decision import Decision, ObservedTask, ServiceView, Start
from fairway.engine.control.deployment_alarms import observe
from fairway.engine.control.placement import choose_provider, new_task
from fairway.engine.control.scheduler import reconcile
from fairway.engine.control.task_lifecycle import stop
from fairway.engine.model.alarm import Alarm, alarm_arn
from fairway.engine.model.elb import Target
from fairway.engine.model.service import Service, ServiceDeployment, ServiceEvent, ServiceStatus
from fairway.engine.model.task import StopCode, TargetRef, Task, TaskStatus
from fairway.engine.services.network import addresses_in_use, subnets_of
from fairway.engine.store.schema import (
    ALARMS,
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    SERVICE_EVENTS,
    SERVICES,
    TARGETS,
    TASK_DEFINITIONS,
    TASKS,
)
from fairway.ids import uuid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from fairway.engine.store.store import Change, Store, Transaction
    from fairway.ids import IdSource

MOST_EVENTS: Final = 100
"""Of a service. Source: ECS API Reference, Service.events."""
RECORDS_KEPT: Final = timedelta(days=90)
"""Source: ECS Developer Guide, "View service history"."""


class ServicesController:
    """One key is the ARN of a service."""

    name = "services"

    def __init__(self, store: Store, ids: IdSource, *, rate: Callable[[], float], account: str) -> None:
        self._store = store
        self._ids = ids
        self._rate = rate
        self._account = account

    def keys_of(self, change: Change) -> Iterable[str]:
        entity = change.after if change.after is not None else change.before
        match entity:
            case Service():
                return (entity.arn,)
            case Task() if entity.service_arn is not None:
                return (entity.service_arn,)
            case ServiceDeployment():
                return (entity.service_arn,)
            case Target() if entity.task_arn is not None and _state(change.before) != _state(change.after):
                task = self._store.get(TASKS, entity.task_arn)
                return () if task is None or task.service_arn is None else (task.service_arn,)
            case Alarm():
                return self._watching(entity)
            case _:
                return ()

    def _watching(self, alarm: Alarm) -> Iterable[str]:
        """The services with a deployment under way that names an alarm."""
        open_records = (record for record in self._store.all(SERVICE_DEPLOYMENTS) if not record.status.is_terminal)
        return [record.service_arn for record in open_records if alarm.name in record.configuration.alarm_names]

    def step(self, key: str, now: datetime) -> datetime | None:
        service = self._store.get(SERVICES, key)
        if service is None or service.status is ServiceStatus.INACTIVE:
            return None
        decision = reconcile(self._view(service), now)
        self._apply(service, decision, now)
        return decision.next_check

    # -- gathering -------------------------------------------------------------------------------------------------

    def _view(self, service: Service) -> ServiceView:
        tasks = [task for task in self._store.find(TASKS, "service", service.arn) if _matters(task)]
        records = [
            record
            for record in self._store.find(SERVICE_DEPLOYMENTS, "service", service.arn)
            if not record.status.is_terminal
        ]
        names = {name for record in records for name in record.configuration.alarm_names}
        found = {name: self._store.get(ALARMS, alarm_arn(service.region, self._account, name)) for name in names}
        return ServiceView(
            service=service,
            tasks=tuple(self._observe(task) for task in tasks),
            records=tuple(records),
            rate=self._rate(),
            alarms={name: observe(alarm) for name, alarm in found.items() if alarm is not None},
        )

    def _observe(self, task: Task) -> ObservedTask:
        definition = self._store.get(TASK_DEFINITIONS, task.task_definition_arn)
        return ObservedTask(
            task=task,
            targets=tuple(self._store.find(TARGETS, "task", task.arn)),
            checked=definition is not None and is_checked(definition.containers),
        )

    # -- doing -----------------------------------------------------------------------------------------------------

    def _apply(self, before: Service, decision: Decision, now: datetime) -> None:
        with self._store.transaction() as tx:
            tx.put(SERVICES, decision.service)
            for record in decision.records:
                tx.put(SERVICE_DEPLOYMENTS, record)
            for task in decision.tasks:
                tx.put(TASKS, task)
            told = list(decision.events)
            told.extend(self._start(tx, decision.service, start, now) for start in decision.starts)
            told += self._stop(tx, decision, now)
            told += decision.closing_events
            tell(tx, self._store, self._ids, before, told, now)
            if decision.service.status is ServiceStatus.INACTIVE:
                for record in self._store.find(SERVICE_DEPLOYMENTS, "service", before.arn):
                    tx.delete(SERVICE_DEPLOYMENTS, record.arn)

    def _start(self, tx: Transaction, service: Service, start: Start, now: datetime) -> str:
        deployment = service.deployment(start.deployment_id)
        assert deployment is not None
        started = [self._new_task(tx, service, deployment.id, now) for _ in range(start.count)]
        text = f"has started {len(started)} tasks: {listed(started)}."
        if start.replaced:
            text += f" Amazon ECS replaced {start.replaced} tasks due to an unhealthy status."
        return text

    def _new_task(self, tx: Transaction, service: Service, deployment_id: str, now: datetime) -> Task:
        deployment = service.deployment(deployment_id)
        assert deployment is not None
        revision = self._store.get(REVISIONS, deployment.revision_arn)
        definition = self._store.get(TASK_DEFINITIONS, deployment.task_definition_arn)
        assert revision is not None
        assert definition is not None
        existing = [t for t in self._store.find(TASKS, "service", service.arn) if not t.stopping]
        provider = None
        if revision.strategy:
            own = Counter(t.capacity_provider or "" for t in existing if t.deployment_id == deployment_id)
            provider = choose_provider(revision.strategy, own)
        tags = dict(service.tags) if service.propagate_tags == "SERVICE" else {}
        if service.propagate_tags == "TASK_DEFINITION":
            tags = dict(definition.tags)
        if service.enable_ecs_managed_tags:
            cluster = service.cluster_arn.rsplit("/", 1)[-1]
            tags |= {"aws:ecs:clusterName": cluster, "aws:ecs:serviceName": service.name}
        task = new_task(
            ids=self._ids,
            now=now,
            cluster_arn=service.cluster_arn,
            region=service.region,
            account=self._account,
            definition=definition,
            network=revision.network,
            subnets=[s for s in subnets_of(self._store, service.region) if s.id in revision.network.subnets],
            existing=existing,
            taken=addresses_in_use(self._store, service.region),
            launch_type=None if provider else (revision.launch_type or "FARGATE"),
            capacity_provider=provider,
            group=f"service:{service.name}",
            started_by=deployment_id,
            service_arn=service.arn,
            deployment_id=deployment_id,
            overrides={},
            tags=tags,
            targets=tuple(
                TargetRef(ref.target_group_arn, ref.container, ref.container_port) for ref in revision.load_balancers
            ),
            platform_version=revision.platform_version,
            enable_execute_command=service.enable_execute_command,
            client_token=None,
        )
        return tx.put(TASKS, task)

    def _stop(self, tx: Transaction, decision: Decision, now: datetime) -> list[str]:
        running: list[Task] = []
        waiting: list[Task] = []
        for wanted in decision.stops:
            task = self._store.get(TASKS, wanted.task_arn)
            if task is None or task.stopping:
                continue
            (running if task.status is TaskStatus.RUNNING else waiting).append(task)
            tx.put(TASKS, stop(task, wanted.code, wanted.reason, now))
        told = []
        if running:
            told.append(f"has stopped {len(running)} running tasks: {listed(running)}.")
        if waiting:
            told.append(f"has stopped {len(waiting)} pending tasks: {listed(waiting)}.")
        return told


def _state(target: Target | None) -> object:
    return None if target is None else (target.state, target.description)


def _matters(task: Task) -> bool:
    """Ended tasks matter only until the circuit breaker has counted them."""
    if task.status is not TaskStatus.STOPPED:
        return True
    if task.counted_failed or task.became_healthy:
        return False
    return task.stop_code in {StopCode.TASK_FAILED_TO_START, StopCode.ESSENTIAL_CONTAINER_EXITED}


def listed(tasks: list[Task]) -> str:
    return " ".join(f"(task {task.id})" for task in tasks)


def tell(tx: Transaction, store: Store, ids: IdSource, service: Service, texts: list[str], now: datetime) -> None:
    """Add events to a service; the oldest go when there are more than a hundred. A text may name a task set itself."""
    for text in texts:
        message = text if text.startswith("(service ") else f"(service {service.name}) {text}"
        tx.put(SERVICE_EVENTS, ServiceEvent(uuid(ids), service.arn, now, message))
    events = store.find(SERVICE_EVENTS, "service", service.arn)
    for event in events[: max(0, len(events) - MOST_EVENTS)]:
        tx.delete(SERVICE_EVENTS, event.id)


def forget_old_records(store: Store, service_arn: str, now: datetime) -> None:
    """Drop service deployments that ended more than 90 days ago."""
    old = [
        record
        for record in store.find(SERVICE_DEPLOYMENTS, "service", service_arn)
        if record.finished_at is not None and record.finished_at < now - RECORDS_KEPT
    ]
    if old:
        with store.transaction() as tx:
            for record in old:
                tx.delete(SERVICE_DEPLOYMENTS, record.arn)
