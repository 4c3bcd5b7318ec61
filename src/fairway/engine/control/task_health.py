"""Whether a task counts as healthy for its service, and whether it must be replaced.

Source: ECS API Reference, DeploymentConfiguration.minimumHealthyPercent (which tasks count) and
CreateService.healthCheckGracePeriodSeconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.model.elb import Target, TargetState
from fairway.engine.model.task import HealthStatus, Task, TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

UNCHECKED_DELAY: Final = timedelta(seconds=40)
"""A task with neither load balancer nor health check counts as healthy this long after it reached RUNNING."""

_IN_SERVICE: Final = frozenset({TargetState.HEALTHY, TargetState.UNAVAILABLE})
"""`unavailable`: the target group's health checks are disabled."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the scheduler makes of a task."""

    healthy: bool = False
    """Counts towards the lower bound."""
    failing: str | None = None
    """Why it must be replaced: the stopped reason that it will get."""
    event: str | None = None
    """What the service's events say of it, without the service's name."""
    next_check: datetime | None = None
    """When the verdict may change by time alone."""


_NOTHING: Final = Verdict()


def verdict(task: Task, targets: Sequence[Target], *, checked: bool, grace: timedelta, now: datetime) -> Verdict:
    """Judge a task. `checked`: an essential container has a health check; `grace`: in engine time, from the task's start."""
    if task.stopping or task.status is not TaskStatus.RUNNING or task.started_at is None:
        return _NOTHING
    grace_ends = task.started_at + grace
    bad = _failing(task, targets, checked=checked)
    if bad is not None:
        return bad if now >= grace_ends else Verdict(next_check=grace_ends)
    if checked and task.health is not HealthStatus.HEALTHY:
        return _NOTHING
    if task.targets:
        registered = {(t.target_group_arn, t.port) for t in targets if t.state in _IN_SERVICE}
        wanted = {(t.target_group_arn, t.container_port) for t in task.targets}
        return Verdict(healthy=wanted <= registered)
    if checked:
        return Verdict(healthy=True)
    ripe = task.started_at + UNCHECKED_DELAY
    return Verdict(healthy=True) if now >= ripe else Verdict(next_check=ripe)


def _failing(task: Task, targets: Sequence[Target], *, checked: bool) -> Verdict | None:
    if checked and task.health is HealthStatus.UNHEALTHY:
        return Verdict(
            failing="Task failed container health checks", event=f"(task {task.id}) failed container health checks."
        )
    for target in targets:
        if target.state is TargetState.UNHEALTHY:
            group = target.target_group_arn
            return Verdict(
                failing=f"Task failed ELB health checks in (target-group {group})",
                event=f"(task {task.id}) (port {target.port}) is unhealthy in (target-group {group}) "
                f"due to (reason {target.description or target.reason})",
            )
    return None
