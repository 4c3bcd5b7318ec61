"""Tasks and their containers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from fairway.engine.model.network import PortBinding


class TaskStatus(StrEnum):
    """`lastStatus`, in the order of a task's life. Source: ECS Developer Guide, "Amazon ECS task lifecycle"."""

    PROVISIONING = "PROVISIONING"
    PENDING = "PENDING"
    ACTIVATING = "ACTIVATING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPING = "STOPPING"
    DEPROVISIONING = "DEPROVISIONING"
    STOPPED = "STOPPED"


class DesiredStatus(StrEnum):
    """`desiredStatus`."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class HealthStatus(StrEnum):
    """`healthStatus` of containers and tasks."""

    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"


class StopCode(StrEnum):
    """`stopCode`. Source: ECS API Reference, Task."""

    TASK_FAILED_TO_START = "TaskFailedToStart"
    ESSENTIAL_CONTAINER_EXITED = "EssentialContainerExited"
    USER_INITIATED = "UserInitiated"
    SERVICE_SCHEDULER_INITIATED = "ServiceSchedulerInitiated"
    SPOT_INTERRUPTION = "SpotInterruption"
    TERMINATION_NOTICE = "TerminationNotice"


class ContainerPhase(StrEnum):
    """Where a container is; `lastStatus` of the API is derived from it."""

    WAITING = "WAITING"
    """Not begun, or waiting for another container (`dependsOn`)."""
    PULLING = "PULLING"
    PULLED = "PULLED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    """The stop signal was sent."""
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a task."""

    name: str
    arn: str
    image: str
    image_digest: str | None = None
    runtime_id: str | None = None
    phase: ContainerPhase = ContainerPhase.WAITING
    exit_code: int | None = None
    reason: str | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    health: HealthStatus = HealthStatus.UNKNOWN
    health_failures: int = 0
    """Failed checks in a row that counted."""
    health_checking: bool = False
    """A health command is under way."""
    health_next_at: datetime | None = None
    health_output: str = ""
    health_passed: bool = False
    """Has passed a check at least once: failures count from then on, start period or not."""


@dataclass(frozen=True, slots=True)
class TargetRef:
    """A place of a task in a target group."""

    target_group_arn: str
    container: str
    container_port: int


@dataclass(frozen=True, slots=True)
class Task:
    """A task. `desired` STOPPED starts its way down; the life cycle controller does the rest."""

    arn: str
    id: str
    """32 hexadecimal digits."""
    cluster_arn: str
    region: str
    task_definition_arn: str
    status: TaskStatus
    desired: DesiredStatus
    created_at: datetime
    containers: tuple[Container, ...]
    cpu: str
    memory: str
    group: str
    availability_zone: str
    subnet_id: str
    private_ip: str
    network_id: str
    """The attachment's id."""
    service_arn: str | None = None
    deployment_id: str | None = None
    """`ecs-svc/…` of the deployment that started it."""
    launch_type: str | None = None
    capacity_provider: str | None = None
    platform_version: str = "1.4.0"
    started_by: str | None = None
    version: int = 1
    health: HealthStatus = HealthStatus.UNKNOWN
    ports: tuple[PortBinding, ...] = ()
    prepared: bool = False
    """Its network is reserved and its secrets were found."""
    targets: tuple[TargetRef, ...] = ()
    """Where it is to be registered once it runs."""
    registered: bool = False
    """Its targets were registered."""
    deregistered: bool = False
    """Its targets were told to drain, on the way down."""
    became_healthy: bool = False
    """Has counted as healthy once: an essential exit from then on is a normal replacement, not a failed start."""
    counted_failed: bool = False
    """Was counted by the circuit breaker."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    enable_execute_command: bool = False
    client_token: str | None = None
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    execution_stopped_at: datetime | None = None
    stopped_at: datetime | None = None
    connectivity_at: datetime | None = None
    stop_code: StopCode | None = None
    stopped_reason: str | None = None
    security_groups: tuple[str, ...] = ()

    def container(self, name: str) -> Container | None:
        return next((c for c in self.containers if c.name == name), None)

    @property
    def stopping(self) -> bool:
        """Is on its way down, or has ended."""
        return self.desired is DesiredStatus.STOPPED


def container_last_status(container: Container) -> str:
    """`containers[].lastStatus` of the API."""
    match container.phase:
        case ContainerPhase.RUNNING | ContainerPhase.STOPPING:
            return "RUNNING"
        case ContainerPhase.STOPPED:
            return "STOPPED"
        case _:
            return "PENDING"
