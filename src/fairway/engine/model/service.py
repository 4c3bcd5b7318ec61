"""Services, their deployments, service revisions and service deployments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from fairway.engine.model.cluster import StrategyItem


class ServiceStatus(StrEnum):
    """Status of a service."""

    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"
    INACTIVE = "INACTIVE"


class RolloutState(StrEnum):
    """`deployments[].rolloutState`."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class DeploymentRole(StrEnum):
    """`deployments[].status`."""

    PRIMARY = "PRIMARY"
    ACTIVE = "ACTIVE"


class ServiceDeploymentStatus(StrEnum):
    """Status of a service deployment. Source: ECS Developer Guide, "service deployment"."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    STOP_REQUESTED = "STOP_REQUESTED"
    ROLLBACK_REQUESTED = "ROLLBACK_REQUESTED"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    SUCCESSFUL = "SUCCESSFUL"
    STOPPED = "STOPPED"
    ROLLBACK_SUCCESSFUL = "ROLLBACK_SUCCESSFUL"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        ServiceDeploymentStatus.SUCCESSFUL,
        ServiceDeploymentStatus.STOPPED,
        ServiceDeploymentStatus.ROLLBACK_SUCCESSFUL,
        ServiceDeploymentStatus.ROLLBACK_FAILED,
    }
)


class ThresholdType(StrEnum):
    """`deploymentCircuitBreaker.thresholdConfiguration.type`."""

    COUNT = "COUNT"
    BOUNDED_PERCENT = "BOUNDED_PERCENT"
    UNBOUNDED_PERCENT = "UNBOUNDED_PERCENT"


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """`deploymentCircuitBreaker`; the defaults are those that ECS reads back."""

    enable: bool = False
    rollback: bool = False
    reset_on_healthy_task: bool = True
    threshold_type: ThresholdType = ThresholdType.BOUNDED_PERCENT
    threshold_value: int = 50


@dataclass(frozen=True, slots=True)
class EarlySuccess:
    """`earlySuccessCriteria`."""

    enable: bool = False
    healthy_percent: int = 100
    blocking_cleanup: bool = True


@dataclass(frozen=True, slots=True)
class DeploymentConfiguration:
    """`deploymentConfiguration` of a rolling service."""

    minimum_healthy_percent: int = 100
    maximum_percent: int = 200
    breaker: CircuitBreaker = CircuitBreaker()
    early_success: EarlySuccess = EarlySuccess()
    bake_minutes: int = 0
    alarm_names: tuple[str, ...] = ()
    alarms_enable: bool = False
    alarms_rollback: bool = False


@dataclass(frozen=True, slots=True)
class LoadBalancerRef:
    """`loadBalancers[]` of a service."""

    target_group_arn: str
    container: str
    container_port: int


@dataclass(frozen=True, slots=True)
class Network:
    """`awsvpcConfiguration`."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    assign_public_ip: str = "DISABLED"


@dataclass(frozen=True, slots=True)
class Revision:
    """What a service revision fixes: all that needs a deployment to change."""

    arn: str
    service_arn: str
    cluster_arn: str
    task_definition_arn: str
    created_at: datetime
    launch_type: str | None = None
    strategy: tuple[StrategyItem, ...] = ()
    platform_version: str = "LATEST"
    network: Network = Network()
    load_balancers: tuple[LoadBalancerRef, ...] = ()
    image_digests: Mapping[str, str] = field(default_factory=dict)
    """Container -> digest, settled by the first task that pulled."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """`deployments[]` of a service: one service revision on its way in, in place, or on its way out."""

    id: str
    role: DeploymentRole
    revision_arn: str
    task_definition_arn: str
    desired_count: int
    rollout: RolloutState
    rollout_reason: str
    created_at: datetime
    updated_at: datetime
    failed_tasks: int = 0
    """Failures that stand against the breaker's threshold."""
    started_once: bool = False
    """A task of it has reached RUNNING: launch failures no longer count (stage 2)."""
    succeeded_once: bool = False
    """A task of it has counted as healthy."""
    launch_failures: int = 0
    """PENDING -> STOPPED in a row, for the start throttle."""
    next_start_at: datetime | None = None
    """The start throttle: no task before this time."""
    to_replace: int = 0
    """Tasks that were stopped for their health and whose replacements have not been started yet."""
    bake_started_at: datetime | None = None
    service_deployment_arn: str | None = None
    """The service deployment that runs it now."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service under the ECS deployment controller."""

    arn: str
    name: str
    region: str
    cluster_arn: str
    status: ServiceStatus
    desired_count: int
    configuration: DeploymentConfiguration
    created_at: datetime
    created_by: str
    deployments: tuple[Deployment, ...]
    """Newest first; the first is the PRIMARY."""
    grace_seconds: int = 0
    has_grace: bool = False
    scheduling_strategy: str = "REPLICA"
    placement_constraints: tuple[Mapping[str, Any], ...] = ()
    placement_strategy: tuple[Mapping[str, Any], ...] = ()
    enable_execute_command: bool = False
    enable_ecs_managed_tags: bool = False
    propagate_tags: str = "NONE"
    availability_zone_rebalancing: str = "ENABLED"
    role_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    client_token: str | None = None
    request_digest: str = ""
    """Of the CreateService request: a repetition with the same parameters is answered alike."""
    steady: bool = False
    """Has told that it reached its steady state, since it last left it."""
    steady_told_at: datetime | None = None
    stuck_told: bool = False
    """Has told that the bounds let no task move."""
    force_delete: bool = False
    deleted_at: datetime | None = None

    @property
    def primary(self) -> Deployment:
        return self.deployments[0]

    @property
    def is_deploying(self) -> bool:
        """A deployment of it is on its way in."""
        is_active = self.status is ServiceStatus.ACTIVE
        return is_active and bool(self.deployments) and self.primary.rollout is RolloutState.IN_PROGRESS

    def deployment(self, identifier: str) -> Deployment | None:
        return next((d for d in self.deployments if d.id == identifier), None)


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """One of `events[]`."""

    id: str
    service_arn: str
    created_at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class RevisionCount:
    """Task counts of a revision in a service deployment."""

    arn: str
    requested: int = 0
    running: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Rollback:
    """`rollback` of a service deployment."""

    reason: str
    started_at: datetime
    revision_arn: str


@dataclass(frozen=True, slots=True)
class ServiceDeployment:
    """A record of one deployment: kept 90 days, or until the service is deleted."""

    arn: str
    service_arn: str
    cluster_arn: str
    deployment_id: str
    created_at: datetime
    updated_at: datetime
    status: ServiceDeploymentStatus
    target_revision: RevisionCount
    source_revisions: tuple[RevisionCount, ...]
    configuration: DeploymentConfiguration
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stopped_at: datetime | None = None
    status_reason: str | None = None
    rollback: Rollback | None = None
    breaker_status: str = "DISABLED"
    breaker_failures: int = 0
    breaker_threshold: int = 0
    alarms_status: str = "DISABLED"
    """`alarms.status`: DISABLED, MONITORING, TRIGGERED or MONITORING_COMPLETE."""
    alarms_triggered: tuple[str, ...] = ()
