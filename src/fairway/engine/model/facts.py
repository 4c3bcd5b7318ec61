"""What happened in the world, as values: the only way in which runtimes, probes and data plane speak to the control plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from fairway.engine.model.network import PortBinding


@dataclass(frozen=True, slots=True)
class TaskPrepared:
    """Network, secrets and log streams of a task are there."""

    task_id: str
    ports: tuple[PortBinding, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class TaskPreparationFailed:
    """They are not; `reason` is ECS's text, `ResourceInitializationError: …`."""

    task_id: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ImagePulled:
    """The image is present."""

    task_id: str
    container: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ImagePullFailed:
    """The image cannot be had; `reason` is ECS's text, `CannotPullContainerError: …`."""

    task_id: str
    container: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ContainerStarted:
    """The container's process runs."""

    task_id: str
    container: str
    runtime_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ContainerStartFailed:
    """It could not be started; `reason` is ECS's text, `CannotStartContainerError: …`."""

    task_id: str
    container: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ContainerExited:
    """The container's process ended. 128 + n when signal n ended it."""

    task_id: str
    container: str
    exit_code: int
    reason: str | None
    """`OutOfMemoryError: Container killed due to memory usage` and its like; None for an ordinary end."""
    at: datetime


@dataclass(frozen=True, slots=True)
class ContainerLost:
    """Nothing is left that could tell what became of the container, or it never started."""

    task_id: str
    container: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HealthChecked:
    """A container's health command ended, or was killed at its time-out."""

    task_id: str
    container: str
    healthy: bool
    output: str
    """At most 4,096 characters, for people."""
    duration_seconds: float
    """Real seconds that the command took."""
    at: datetime


ContainerFact = (
    ImagePulled
    | ImagePullFailed
    | ContainerStarted
    | ContainerStartFailed
    | ContainerExited
    | ContainerLost
    | HealthChecked
)

TaskFact = TaskPrepared | TaskPreparationFailed | ContainerFact


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One health check request of a load balancer to one target."""

    target_group_arn: str
    target_key: str
    status_code: int | None
    """None: no answer."""
    failure: str | None
    """`timeout` or `connection` when there was no answer."""
    duration_seconds: float
    at: datetime


@dataclass(frozen=True, slots=True)
class TargetIdle:
    """The data plane carries no request to a draining target any more, and will carry none."""

    target_group_arn: str
    target_key: str
    at: datetime
