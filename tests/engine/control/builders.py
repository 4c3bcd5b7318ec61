"""Builds views of services for tables of cases; what a row does not speak of has a default."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fairway.engine.control.decision import Decision, ObservedTask, ServiceView
from fairway.engine.model.service import (
    CircuitBreaker,
    Deployment,
    DeploymentConfiguration,
    DeploymentRole,
    RevisionCount,
    RolloutState,
    Service,
    ServiceDeployment,
    ServiceDeploymentStatus,
    ServiceStatus,
)
from fairway.engine.model.task import Container, ContainerPhase, DesiredStatus, HealthStatus, StopCode, Task, TaskStatus

T0 = datetime(2026, 11, 1, 12, tzinfo=UTC)
CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/prod"
SERVICE = "arn:aws:ecs:us-east-1:123456789012:service/prod/api"
OLD, NEW = "ecs-svc/1000000000000000001", "ecs-svc/1000000000000000002"
ZONES = ("us-east-1a", "us-east-1b")


def a_task(number: int, deployment: str = NEW, **changes: object) -> Task:
    """A task that runs and is healthy by its container's check."""
    task = Task(
        arn=f"arn:aws:ecs:us-east-1:123456789012:task/prod/{number:032x}",
        id=f"{number:032x}",
        cluster_arn=CLUSTER,
        region="us-east-1",
        task_definition_arn="arn:aws:ecs:us-east-1:123456789012:task-definition/api:1",
        status=TaskStatus.RUNNING,
        desired=DesiredStatus.RUNNING,
        created_at=T0 - timedelta(hours=1) + timedelta(seconds=number),
        containers=(Container("api", f"container-{number}", "api:1", phase=ContainerPhase.RUNNING),),
        cpu="256",
        memory="512",
        group="service:api",
        availability_zone=ZONES[number % 2],
        subnet_id="subnet-a",
        private_ip=f"10.0.0.{number}",
        network_id=f"eni-{number}",
        service_arn=SERVICE,
        deployment_id=deployment,
        health=HealthStatus.HEALTHY,
        started_at=T0 - timedelta(minutes=30),
        prepared=True,
        became_healthy=True,
    )
    return replace(task, **changes)  # type: ignore[arg-type]


def pending(number: int, deployment: str = NEW) -> Task:
    return a_task(
        number,
        deployment,
        status=TaskStatus.PENDING,
        health=HealthStatus.UNKNOWN,
        started_at=None,
        became_healthy=False,
    )


def unchecked(number: int, deployment: str = NEW) -> Task:
    """Runs, but has not passed its check yet."""
    return a_task(number, deployment, health=HealthStatus.UNKNOWN, became_healthy=False)


def unhealthy(number: int, deployment: str = NEW, *, became_healthy: bool = False) -> Task:
    return a_task(number, deployment, health=HealthStatus.UNHEALTHY, became_healthy=became_healthy)


def stopping(number: int, deployment: str = NEW, status: TaskStatus = TaskStatus.DEACTIVATING) -> Task:
    return a_task(
        number,
        deployment,
        status=status,
        desired=DesiredStatus.STOPPED,
        stop_code=StopCode.SERVICE_SCHEDULER_INITIATED,
    )


def exited(number: int, deployment: str = NEW, *, became_healthy: bool = False) -> Task:
    """An essential container ended by itself."""
    return a_task(
        number,
        deployment,
        status=TaskStatus.STOPPED,
        desired=DesiredStatus.STOPPED,
        stop_code=StopCode.ESSENTIAL_CONTAINER_EXITED,
        became_healthy=became_healthy,
    )


def never_started(number: int, deployment: str = NEW) -> Task:
    return a_task(
        number,
        deployment,
        status=TaskStatus.STOPPED,
        desired=DesiredStatus.STOPPED,
        stop_code=StopCode.TASK_FAILED_TO_START,
        started_at=None,
        became_healthy=False,
    )


def a_deployment(identifier: str, **changes: object) -> Deployment:
    primary = identifier == NEW
    deployment = Deployment(
        id=identifier,
        role=DeploymentRole.PRIMARY if primary else DeploymentRole.ACTIVE,
        revision_arn=f"revision-of-{identifier}",
        task_definition_arn="arn:aws:ecs:us-east-1:123456789012:task-definition/api:1",
        desired_count=4,
        rollout=RolloutState.IN_PROGRESS if primary else RolloutState.COMPLETED,
        rollout_reason=f"ECS deployment {identifier} in progress.",
        created_at=T0,
        updated_at=T0,
        service_deployment_arn="record-new" if primary else None,
    )
    return replace(deployment, **changes)  # type: ignore[arg-type]


def a_record(status: ServiceDeploymentStatus = ServiceDeploymentStatus.IN_PROGRESS) -> ServiceDeployment:
    return ServiceDeployment(
        arn="record-new",
        service_arn=SERVICE,
        cluster_arn=CLUSTER,
        deployment_id=NEW,
        created_at=T0,
        updated_at=T0,
        status=status,
        target_revision=RevisionCount(f"revision-of-{NEW}"),
        source_revisions=(RevisionCount(f"revision-of-{OLD}"),),
        configuration=DeploymentConfiguration(),
        started_at=T0,
    )


def a_service(
    *,
    desired: int = 4,
    min_percent: int = 100,
    max_percent: int = 200,
    tasks: tuple[Task, ...] = (),
    deployments: tuple[Deployment, ...] | None = None,
    breaker: CircuitBreaker | None = None,
    grace_seconds: int = 0,
    status: ServiceStatus = ServiceStatus.ACTIVE,
    checked: bool = True,
    record: ServiceDeployment | None = None,
    rate: float = 1.0,
    **changes: object,
) -> ServiceView:
    """A service in the midst of a rolling deployment from OLD to NEW."""
    if deployments is None:
        deployments = (a_deployment(NEW, desired_count=desired), a_deployment(OLD, desired_count=desired))
    configuration = DeploymentConfiguration(
        minimum_healthy_percent=min_percent, maximum_percent=max_percent, breaker=breaker or CircuitBreaker()
    )
    service = Service(
        arn=SERVICE,
        name="api",
        region="us-east-1",
        cluster_arn=CLUSTER,
        status=status,
        desired_count=desired,
        configuration=configuration,
        created_at=T0,
        created_by="arn:aws:iam::123456789012:user/anna",
        deployments=deployments,
        grace_seconds=grace_seconds,
    )
    return ServiceView(
        service=replace(service, **changes),  # type: ignore[arg-type]
        tasks=tuple(ObservedTask(task, checked=checked) for task in tasks),
        records=(record or a_record(),),
        rate=rate,
    )


def started(decision: Decision, deployment: str = NEW) -> int:
    return sum(start.count for start in decision.starts if start.deployment_id == deployment)


def stopped(decision: Decision, view: ServiceView, deployment: str) -> int:
    own = {observed.task.arn for observed in view.tasks if observed.task.deployment_id == deployment}
    return sum(stop.task_arn in own for stop in decision.stops)
