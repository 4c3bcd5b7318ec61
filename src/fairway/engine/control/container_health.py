"""The health of containers, by their health commands, and of the task that they make up.

Source: ECS API Reference, HealthCheck. Interval counts in engine time; start period and time-out are limits on real work
and last real seconds; a command never runs again sooner than after one real second, nor after four times as long as it took.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fairway.engine.model.task import Container, ContainerPhase, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fairway.engine.model.cluster import ContainerDefinition, HealthCommand
    from fairway.engine.model.facts import HealthChecked

LEAST_PAUSE_SECONDS: Final = 1.0
PAUSE_FACTOR: Final = 4.0


def first_check_at(health: HealthCommand, started_at: datetime, rate: float) -> datetime:
    """One interval after the start, as Docker does it."""
    return started_at + timedelta(seconds=max(health.interval_seconds, LEAST_PAUSE_SECONDS * rate))


def next_check_at(health: HealthCommand, checked: HealthChecked, rate: float) -> datetime:
    """One interval after the check's end, or later if that would be too often for a real process."""
    pause = max(LEAST_PAUSE_SECONDS, PAUSE_FACTOR * checked.duration_seconds) * rate
    return checked.at + timedelta(seconds=max(health.interval_seconds, pause))


def checked(container: Container, health: HealthCommand, result: HealthChecked, rate: float) -> Container:
    """The container after a check. A pass makes it HEALTHY at once; failures count after the start period or the first pass."""
    container = replace(
        container,
        health_checking=False,
        health_next_at=next_check_at(health, result, rate),
        health_output=result.output,
    )
    if result.healthy:
        return replace(container, health=HealthStatus.HEALTHY, health_failures=0, health_passed=True)
    start_period_ends = (container.started_at or result.at) + timedelta(seconds=health.start_period_seconds * rate)
    if not container.health_passed and result.at < start_period_ends:
        return container
    failures = container.health_failures + 1
    status = HealthStatus.UNHEALTHY if failures >= health.retries else container.health
    return replace(container, health_failures=failures, health=status)


def task_health(definitions: Sequence[ContainerDefinition], containers: Sequence[Container]) -> HealthStatus:
    """UNHEALTHY if any essential container with a check is; else UNKNOWN if any is; else HEALTHY; UNKNOWN without checks."""
    by_name = {container.name: container for container in containers}
    states = [
        HealthStatus.UNKNOWN if by_name[d.name].phase is ContainerPhase.STOPPED else by_name[d.name].health
        for d in definitions
        if d.essential and d.health is not None and d.name in by_name
    ]
    for status in (HealthStatus.UNHEALTHY, HealthStatus.UNKNOWN):
        if status in states:
            return status
    return HealthStatus.HEALTHY if states else HealthStatus.UNKNOWN


def is_checked(definitions: Sequence[ContainerDefinition]) -> bool:
    """An essential container has a health check: the task's health counts for its service."""
    return any(d.essential and d.health is not None for d in definitions)
