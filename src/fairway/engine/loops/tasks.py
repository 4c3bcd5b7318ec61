"""Looks after tasks: takes each through its life, and carries out what it needs done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from fairway.engine.control.effects import DrainTargets, Effect, RegisterTargets
from fairway.engine.control.target_health import drain, new_target
from fairway.engine.control.task_lifecycle import learn, reconcile
from fairway.engine.loops.services import tell
from fairway.engine.model.elb import Target
from fairway.engine.model.facts import ImagePulled
from fairway.engine.model.service import ServiceStatus
from fairway.engine.model.task import Task, TaskStatus
from fairway.engine.store.schema import REVISIONS, SERVICES, TARGET_GROUPS, TARGETS, TASK_DEFINITIONS, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from fairway.engine.model.cluster import TaskDefinition
    from fairway.engine.model.facts import TaskFact
    from fairway.engine.store.store import Change, Store, Transaction
    from fairway.ids import IdSource

STOPPED_KEPT: Final = timedelta(hours=1)
"""Stopped tasks stay describable for at least one hour. Source: ECS API Reference, DescribeTasks."""
_MOST_STEPS: Final = 16


class Effects(Protocol):
    """Carries out what a task needs done, after the decision is stored."""

    def carry_out(self, effect: Effect) -> None:
        """Begin it; what comes of it arrives as a fact."""


class TasksController:
    """One key is the ARN of a task."""

    name = "tasks"

    def __init__(self, store: Store, ids: IdSource, effects: Effects, *, rate: Callable[[], float]) -> None:
        self._store = store
        self._ids = ids
        self._effects = effects
        self._rate = rate
        self._left: dict[str, list[Effect]] = {}
        """Effects by task ARN that stand in the store as done and could not be carried out yet."""

    def forget(self) -> None:
        """Nothing is left to be done."""
        self._left.clear()

    def keys_of(self, change: Change) -> Iterable[str]:
        entity = change.after if change.after is not None else change.before
        match entity:
            case Task():
                return (entity.arn,)
            case Target() if entity.task_arn is not None:
                return (entity.task_arn,)
            case _:
                return ()

    def step(self, key: str, now: datetime) -> datetime | None:
        task = self._store.get(TASKS, key)
        if task is None:
            self._left.pop(key, None)
            return None
        self._carry_out(key)
        if task.status is TaskStatus.STOPPED:
            return self._forget(task, now)
        definition = self._store.get(TASK_DEFINITIONS, task.task_definition_arn)
        assert definition is not None, f"{task.task_definition_arn} is gone while {task.id} lives"
        return self._advance(task, definition, now)

    def learn(self, tx: Transaction, fact: TaskFact) -> None:
        """Take in what happened to a task."""
        for task in self._store.find(TASKS, "id", fact.task_id):
            definition = self._store.get(TASK_DEFINITIONS, task.task_definition_arn)
            assert definition is not None
            tx.put(TASKS, learn(task, definition, fact, self._rate()))
            if isinstance(fact, ImagePulled):
                self._settle(tx, task, definition, fact)

    def _settle(self, tx: Transaction, task: Task, definition: TaskDefinition, fact: ImagePulled) -> None:
        """The first task that pulls an image settles its digest for all later tasks of the service revision.

        Source: ECS Developer Guide, "Container image resolution" (versionConsistency).
        """
        service = self._store.get(SERVICES, task.service_arn or "")
        deployment = None if service is None else service.deployment(task.deployment_id or "")
        revision = None if deployment is None else self._store.get(REVISIONS, deployment.revision_arn)
        if revision is None or fact.container in revision.image_digests:
            return
        documents = {document["name"]: document for document in definition.body["containerDefinitions"]}
        if documents.get(fact.container, {}).get("versionConsistency") != "disabled":
            digests = {**revision.image_digests, fact.container: fact.digest}
            tx.put(REVISIONS, replace(revision, image_digests=digests))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _advance(self, task: Task, definition: TaskDefinition, now: datetime) -> datetime | None:
        effects: list[Effect] = []
        next_check = None
        with self._store.transaction() as tx:
            for _ in range(_MOST_STEPS):
                targets = self._store.find(TARGETS, "task", task.arn)
                step = reconcile(task, definition, targets, now, self._rate())
                next_check = step.next_check
                for effect in step.effects:
                    match effect:
                        case RegisterTargets():
                            self._register(tx, step.task, now)
                        case DrainTargets():
                            self._drain(tx, step.task, now, at_once=effect.at_once)
                        case _:
                            effects.append(effect)
                if step.task == task and not step.effects:
                    break
                task = step.task
            tx.put(TASKS, task)
        # from here on they stand in the store as done: what cannot be done now is kept, and tried at the next step
        self._left.setdefault(task.arn, []).extend(effects)
        self._carry_out(task.arn)
        return next_check

    def _carry_out(self, task_arn: str) -> None:
        effects = self._left.get(task_arn, [])
        while effects:
            self._effects.carry_out(effects[0])
            del effects[0]
        self._left.pop(task_arn, None)

    def _register(self, tx: Transaction, task: Task, now: datetime) -> None:
        groups: dict[str, int] = {}
        for ref in task.targets:
            group = self._store.get(TARGET_GROUPS, ref.target_group_arn)
            if group is None:
                continue
            binding = next((p for p in task.ports if p.container_port == ref.container_port), None)
            host_port = 0 if binding is None else binding.host_port
            target = new_target(
                group,
                target_id=task.private_ip,
                port=ref.container_port,
                host="127.0.0.1" if host_port else "",
                host_port=host_port,
                zone=task.availability_zone,
                task_arn=task.arn,
                now=now,
            )
            tx.put(TARGETS, target)
            groups[group.arn] = groups.get(group.arn, 0) + 1
        self._tell(tx, task, [f"registered {n} targets in (target-group {arn})" for arn, n in groups.items()], now)

    def _drain(self, tx: Transaction, task: Task, now: datetime, *, at_once: bool) -> None:
        groups: dict[str, int] = {}
        for target in self._store.find(TARGETS, "task", task.arn):
            leaving = drain(target, now)
            tx.put(TARGETS, replace(leaving, idle=True) if at_once or not target.host else leaving)
            groups[target.target_group_arn] = groups.get(target.target_group_arn, 0) + 1
        if not groups:
            return
        texts = [f"deregistered {n} targets in (target-group {arn})" for arn, n in groups.items()]
        service = self._store.get(SERVICES, task.service_arn or "")
        if service is not None:
            several = len(service.deployments) > 1
            name = f"service {service.name}, taskSet {task.deployment_id}" if several else f"service {service.name}"
            texts.append(f"({name}) has begun draining connections on 1 tasks.")
        self._tell(tx, task, texts, now)

    def _tell(self, tx: Transaction, task: Task, texts: list[str], now: datetime) -> None:
        service = self._store.get(SERVICES, task.service_arn or "")
        if service is not None and service.status is not ServiceStatus.INACTIVE:
            tell(tx, self._store, self._ids, service, texts, now)

    def _forget(self, task: Task, now: datetime) -> datetime | None:
        until = (task.stopped_at or now) + STOPPED_KEPT
        if now < until:
            return until
        with self._store.transaction() as tx:
            tx.delete(TASKS, task.arn)
        return None
