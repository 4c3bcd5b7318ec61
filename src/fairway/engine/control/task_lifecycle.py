"""The life of a task: PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED.

    reconcile(task, definition, targets, now, rate) -> Step      what comes next, and what it needs done
    learn(task, definition, fact, rate) -> Task                  what a fact makes of the task

Source: ECS Developer Guide, "Amazon ECS task lifecycle". On the way down targets are drained first, and only when they
carry nothing any more does the stop signal go out (Developer Guide, "update service parameters").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fairway.engine.control.container_health import checked, first_check_at, task_health
from fairway.engine.control.dependencies import Readiness, may_stop, readiness, start_deadline
from fairway.engine.control.effects import (
    CheckHealth,
    DrainTargets,
    Effect,
    PrepareTask,
    PullImage,
    RegisterTargets,
    ReleaseTask,
    StartContainer,
    StopContainer,
)
from fairway.engine.model.facts import (
    ContainerExited,
    ContainerLost,
    ContainerStarted,
    ContainerStartFailed,
    HealthChecked,
    ImagePulled,
    ImagePullFailed,
    TaskFact,
    TaskPreparationFailed,
    TaskPrepared,
)
from fairway.engine.model.task import Container, ContainerPhase, DesiredStatus, StopCode, Task, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fairway.engine.model.cluster import TaskDefinition
    from fairway.engine.model.elb import Target

ESSENTIAL_EXITED = "Essential container in task exited"
_UP = (TaskStatus.PROVISIONING, TaskStatus.PENDING, TaskStatus.ACTIVATING, TaskStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Step:
    """The task after the step, what it needs done, and when to look again."""

    task: Task
    effects: tuple[Effect, ...] = ()
    next_check: datetime | None = None


def reconcile(task: Task, definition: TaskDefinition, targets: Sequence[Target], now: datetime, rate: float) -> Step:
    """One step of the task's life; asked again until it returns the task unchanged."""
    if task.stopping:
        return _down(task, definition, targets, now)
    match task.status:
        case TaskStatus.PROVISIONING:
            return Step(_to(task, TaskStatus.PENDING), (PrepareTask(task.arn),))
        case TaskStatus.PENDING | TaskStatus.ACTIVATING | TaskStatus.RUNNING:
            return _up(task, definition, now, rate)
        case _:
            return Step(task)


def stop(task: Task, code: StopCode, reason: str, now: datetime) -> Task:
    """The task is to end; the first reason stands."""
    if task.stopping:
        return task
    return replace(
        task,
        desired=DesiredStatus.STOPPED,
        stop_code=code,
        stopped_reason=reason,
        stopping_at=now,
        version=task.version + 1,
    )


# -- up ----------------------------------------------------------------------------------------------------------------


def _up(task: Task, definition: TaskDefinition, now: datetime, rate: float) -> Step:
    if not task.prepared:
        return Step(task)
    effects: list[Effect] = []
    checks: list[datetime] = []
    containers = {container.name: container for container in task.containers}
    if task.status is TaskStatus.PENDING:
        for container in task.containers:
            if container.phase is ContainerPhase.WAITING:
                containers[container.name] = replace(container, phase=ContainerPhase.PULLING)
                effects.append(PullImage(task.arn, container.name))
        if effects:
            task = replace(task, pull_started_at=task.pull_started_at or now)
        if all(c.phase not in {ContainerPhase.WAITING, ContainerPhase.PULLING} for c in containers.values()):
            task = _to(replace(task, pull_stopped_at=task.pull_stopped_at or now), TaskStatus.ACTIVATING)
    if task.status in {TaskStatus.ACTIVATING, TaskStatus.RUNNING}:
        failure = _start_ready(task, definition, containers, effects, checks, now, rate)
        if failure is not None:
            return Step(stop(_with(task, containers), StopCode.TASK_FAILED_TO_START, failure, now))
        _check_health(task, definition, containers, effects, checks, now)
    if task.status is TaskStatus.ACTIVATING and all(c.started_at is not None for c in containers.values()):
        task = replace(
            _to(task, TaskStatus.RUNNING),
            started_at=max(c.started_at for c in containers.values() if c.started_at is not None),
            connectivity_at=task.connectivity_at or now,
        )
    if task.status is TaskStatus.RUNNING and task.targets and not task.registered:
        task = replace(task, registered=True)
        effects.append(RegisterTargets(task.arn))
    task = _with(task, containers)
    health = task_health(definition.containers, task.containers)
    if health is not task.health:
        task = replace(task, health=health, version=task.version + 1)
    future = [moment for moment in checks if moment > now]
    return Step(task, tuple(effects), min(future, default=None))


def _start_ready(
    task: Task,
    definition: TaskDefinition,
    containers: dict[str, Container],
    effects: list[Effect],
    checks: list[datetime],
    now: datetime,
    rate: float,
) -> str | None:
    """Start what may start; the stopped reason if something never can."""
    for wanted in definition.containers:
        container = containers.get(wanted.name)
        if container is None or container.phase is not ContainerPhase.PULLED:
            continue
        match readiness(wanted, containers):
            case Readiness.NOW:
                containers[wanted.name] = replace(container, phase=ContainerPhase.STARTING)
                effects.append(StartContainer(task.arn, wanted.name))
            case Readiness.NEVER:
                return f"Task failed to start: container {wanted.name} depends on one that will not meet its condition"
            case Readiness.LATER:
                limit = start_deadline(wanted, definition.containers, containers, rate)
                if limit is not None and limit[0] <= now:
                    return f"Task failed to start: dependency of {wanted.name} timed out: startTimeout of {limit[1]}"
                if limit is not None:
                    checks.append(limit[0])
    return None


def _check_health(
    task: Task,
    definition: TaskDefinition,
    containers: dict[str, Container],
    effects: list[Effect],
    checks: list[datetime],
    now: datetime,
) -> None:
    for wanted in definition.containers:
        container = containers.get(wanted.name)
        if wanted.health is None or container is None or container.phase is not ContainerPhase.RUNNING:
            continue
        if container.health_checking or container.health_next_at is None:
            continue
        if container.health_next_at <= now:
            containers[wanted.name] = replace(container, health_checking=True)
            effects.append(CheckHealth(task.arn, wanted.name))
        else:
            checks.append(container.health_next_at)


# -- down --------------------------------------------------------------------------------------------------------------


def _down(task: Task, definition: TaskDefinition, targets: Sequence[Target], now: datetime) -> Step:
    match task.status:
        case status if status in _UP:
            if task.registered and not task.deregistered:
                dead = task.stop_code is StopCode.ESSENTIAL_CONTAINER_EXITED or all(
                    container.phase is ContainerPhase.STOPPED for container in task.containers
                )
                leaving = _to(replace(task, deregistered=True), TaskStatus.DEACTIVATING)
                return Step(leaving, (DrainTargets(task.arn, at_once=dead),))
            return Step(_to(task, TaskStatus.STOPPING))
        case TaskStatus.DEACTIVATING:
            if any(not target.idle for target in targets):
                return Step(task)
            return Step(_to(task, TaskStatus.STOPPING))
        case TaskStatus.STOPPING:
            return _stop_containers(task, definition, now)
        case TaskStatus.DEPROVISIONING:
            ended = replace(task, stopped_at=now)
            return Step(_to(ended, TaskStatus.STOPPED), (ReleaseTask(task.arn),))
        case _:
            return Step(task)


def _stop_containers(task: Task, definition: TaskDefinition, now: datetime) -> Step:
    containers = {container.name: container for container in task.containers}
    effects: list[Effect] = []
    for container in task.containers:
        match container.phase:
            case ContainerPhase.WAITING | ContainerPhase.PULLING | ContainerPhase.PULLED:
                containers[container.name] = replace(container, phase=ContainerPhase.STOPPED, stopped_at=now)
            case ContainerPhase.RUNNING if may_stop(container.name, definition.containers, containers):
                wanted = definition.container(container.name)
                grace = 30.0 if wanted is None else float(wanted.stop_timeout_seconds)
                containers[container.name] = replace(container, phase=ContainerPhase.STOPPING)
                effects.append(StopContainer(task.arn, container.name, grace))
            case _:
                pass  # starting, stopping or stopped: a fact will tell
    task = _with(task, containers)
    if all(container.phase is ContainerPhase.STOPPED for container in task.containers):
        return Step(_to(replace(task, execution_stopped_at=now), TaskStatus.DEPROVISIONING))
    return Step(task, tuple(effects))


# -- facts -------------------------------------------------------------------------------------------------------------


def learn(task: Task, definition: TaskDefinition, fact: TaskFact, rate: float) -> Task:
    """The task with what a fact tells; a fact that comes too late changes nothing."""
    if task.status is TaskStatus.STOPPED:
        return task
    match fact:
        case TaskPrepared():
            return task if task.prepared else replace(task, prepared=True, ports=fact.ports)
        case TaskPreparationFailed():
            return stop(task, StopCode.TASK_FAILED_TO_START, fact.reason, fact.at)
    container = task.container(fact.container)
    if container is None or container.phase is ContainerPhase.STOPPED:
        return task
    match fact:
        case ImagePulled():
            if container.phase is not ContainerPhase.PULLING:
                return task
            return _put(task, replace(container, phase=ContainerPhase.PULLED, image_digest=fact.digest))
        case ImagePullFailed() | ContainerStartFailed():
            failed = replace(container, phase=ContainerPhase.STOPPED, reason=fact.reason, stopped_at=fact.at)
            return stop(_put(task, failed), StopCode.TASK_FAILED_TO_START, fact.reason, fact.at)
        case ContainerStarted():
            return _started(task, definition, container, fact, rate)
        case ContainerExited():
            return _exited(task, definition, container, fact.exit_code, fact.reason, fact.at)
        case ContainerLost():
            if container.phase is ContainerPhase.STARTING:
                return _put(task, replace(container, phase=ContainerPhase.PULLED))
            return _exited(task, definition, container, None, "The container's process was lost", fact.at)
        case HealthChecked():
            wanted = definition.container(container.name)
            if wanted is None or wanted.health is None or not container.health_checking:
                return task
            return _put(task, checked(container, wanted.health, fact, rate))


def _started(task: Task, definition: TaskDefinition, container: Container, fact: ContainerStarted, rate: float) -> Task:
    if container.phase not in {ContainerPhase.STARTING, ContainerPhase.PULLED}:
        return task
    wanted = definition.container(container.name)
    first = None
    if wanted is not None and wanted.health is not None:
        first = first_check_at(wanted.health, fact.at, rate)
    return _put(
        task,
        replace(
            container,
            phase=ContainerPhase.RUNNING,
            runtime_id=fact.runtime_id,
            started_at=fact.at,
            health_next_at=first,
        ),
    )


def _exited(
    task: Task,
    definition: TaskDefinition,
    container: Container,
    exit_code: int | None,
    reason: str | None,
    at: datetime,
) -> Task:
    ended = replace(
        container,
        phase=ContainerPhase.STOPPED,
        exit_code=exit_code,
        reason=reason,
        started_at=container.started_at or at,
        stopped_at=at,
        health_checking=False,
    )
    task = _put(task, ended)
    wanted = definition.container(container.name)
    if wanted is None or not wanted.essential:
        return task
    if task.status is TaskStatus.ACTIVATING and all(c.started_at is not None for c in task.containers):
        task = replace(_to(task, TaskStatus.RUNNING), started_at=ended.started_at)
    return stop(task, StopCode.ESSENTIAL_CONTAINER_EXITED, ESSENTIAL_EXITED, at)


def resume(task: Task) -> Task:
    """The task as a newly started engine must see it: what was being done when the last one ended is done again."""
    phases = {ContainerPhase.PULLING: ContainerPhase.WAITING, ContainerPhase.STOPPING: ContainerPhase.RUNNING}
    containers = tuple(replace(c, phase=phases.get(c.phase, c.phase), health_checking=False) for c in task.containers)
    status = task.status
    if not task.prepared and not task.stopping:
        status = TaskStatus.PROVISIONING
    return replace(task, containers=containers, status=status)


# -- changed copies ----------------------------------------------------------------------------------------------------


def _to(task: Task, status: TaskStatus) -> Task:
    return replace(task, status=status, version=task.version + 1)


def _put(task: Task, container: Container) -> Task:
    return replace(task, containers=tuple(container if c.name == container.name else c for c in task.containers))


def _with(task: Task, containers: dict[str, Container]) -> Task:
    changed = tuple(containers[c.name] for c in task.containers)
    return task if changed == task.containers else replace(task, containers=changed)
