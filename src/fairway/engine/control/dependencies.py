"""In which order the containers of a task start and stop.

Source: ECS API Reference, ContainerDependency; at shutdown the order is reversed (ContainerDefinition.dependsOn).
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from fairway.engine.model.task import Container, ContainerPhase, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from fairway.engine.model.cluster import ContainerDefinition


class Readiness(Enum):
    """Whether a container may start."""

    NOW = "now"
    LATER = "later"
    NEVER = "never"


def readiness(definition: ContainerDefinition, containers: Mapping[str, Container]) -> Readiness:
    """Whether all that the container depends on has come to pass, may still, or no longer can."""
    answers = [_condition(condition, containers[name]) for name, condition in definition.depends_on]
    if Readiness.NEVER in answers:
        return Readiness.NEVER
    return Readiness.LATER if Readiness.LATER in answers else Readiness.NOW


def _condition(condition: str, dependee: Container) -> Readiness:
    stopped = dependee.phase is ContainerPhase.STOPPED
    match condition:
        case "START":
            met, hopeless = dependee.started_at is not None, stopped
        case "HEALTHY":
            met, hopeless = dependee.health is HealthStatus.HEALTHY, stopped
        case "SUCCESS":
            met, hopeless = stopped and dependee.exit_code == 0, stopped
        case _:
            met, hopeless = stopped, False
    if met:
        return Readiness.NOW
    return Readiness.NEVER if hopeless else Readiness.LATER


def start_deadline(
    definition: ContainerDefinition,
    definitions: Sequence[ContainerDefinition],
    containers: Mapping[str, Container],
    rate: float,
) -> tuple[datetime, str] | None:
    """When a container that this one waits for has used up its `startTimeout` (real seconds), and its name; None: no limit."""
    limits = []
    for name, _ in definition.depends_on:
        dependee = next(d for d in definitions if d.name == name)
        started = containers[name].started_at
        if dependee.start_timeout_seconds is not None and started is not None:
            limits.append((started + timedelta(seconds=dependee.start_timeout_seconds * rate), name))
    return min(limits, default=None)


def may_stop(name: str, definitions: Sequence[ContainerDefinition], containers: Mapping[str, Container]) -> bool:
    """Everything that depends on the container has stopped."""
    dependents = [d.name for d in definitions if any(on == name for on, _ in d.depends_on)]
    return all(containers[dependent].phase is ContainerPhase.STOPPED for dependent in dependents)
