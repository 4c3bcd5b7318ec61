"""Clusters and task definitions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class StrategyItem:
    """One provider of a capacity provider strategy."""

    capacity_provider: str
    weight: int = 0
    base: int = 0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster."""

    arn: str
    name: str
    region: str
    status: str
    settings: Mapping[str, str] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)
    capacity_providers: tuple[str, ...] = ()
    default_strategy: tuple[StrategyItem, ...] = ()
    service_connect_namespace: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class TaskDefinitionStatus(StrEnum):
    """Status of a revision."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class HealthCommand:
    """A container's `healthCheck`. Source: ECS API Reference, HealthCheck (ranges and defaults)."""

    command: tuple[str, ...]
    interval_seconds: int = 30
    timeout_seconds: int = 5
    retries: int = 3
    start_period_seconds: int = 0


@dataclass(frozen=True, slots=True)
class ContainerDefinition:
    """What the control plane needs of a container definition; the rest stays in the document."""

    name: str
    image: str
    essential: bool
    health: HealthCommand | None
    depends_on: tuple[tuple[str, str], ...]
    """(container, START | HEALTHY | COMPLETE | SUCCESS)."""
    ports: tuple[tuple[int, str], ...]
    """(container port, protocol)."""
    stop_timeout_seconds: int
    start_timeout_seconds: int | None


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """A revision of a task definition."""

    arn: str
    family: str
    revision: int
    region: str
    status: TaskDefinitionStatus
    body: Mapping[str, Any]
    """As DescribeTaskDefinition answers it, without what changes (status, dates, tags)."""
    containers: tuple[ContainerDefinition, ...]
    registered_at: datetime
    registered_by: str
    deregistered_at: datetime | None = None
    delete_requested_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def container(self, name: str) -> ContainerDefinition | None:
        return next((c for c in self.containers if c.name == name), None)
