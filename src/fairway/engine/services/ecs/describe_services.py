"""Services as the API shows them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from fairway.engine.model.service import (
    Deployment,
    DeploymentConfiguration,
    Network,
    Revision,
    Service,
    ServiceDeploymentStatus,
)
from fairway.engine.model.task import TaskStatus
from fairway.engine.services.ecs.clusters import show_strategy
from fairway.engine.services.ecs.names import show_tags
from fairway.engine.store.schema import REVISIONS, SERVICE_DEPLOYMENTS, SERVICE_EVENTS, TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairway.engine.model.service import LoadBalancerRef
    from fairway.engine.model.task import Task
    from fairway.engine.store.store import Store

_PENDING = frozenset({TaskStatus.PROVISIONING, TaskStatus.PENDING, TaskStatus.ACTIVATING})


def show_service(store: Store, service: Service, *, with_tags: bool = False) -> dict[str, Any]:
    """A service with its deployments, newest events, and counts."""
    tasks = store.find(TASKS, "service", service.arn)
    running, pending = _counts(tasks)
    revision = store.get(REVISIONS, service.deployments[0].revision_arn) if service.deployments else None
    shown: dict[str, Any] = {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster_arn,
        "loadBalancers": [],
        "serviceRegistries": [],
        "status": str(service.status),
        "desiredCount": service.desired_count,
        "runningCount": running,
        "pendingCount": pending,
        "deploymentConfiguration": show_configuration(service.configuration),
        "deploymentController": {"type": "ECS"},
        "deployments": [],
        "events": _events(store, service),
        "createdAt": service.created_at,
        "createdBy": service.created_by,
        "placementConstraints": [],
        "placementStrategy": [],
        "schedulingStrategy": service.scheduling_strategy,
        "enableECSManagedTags": service.enable_ecs_managed_tags,
        "propagateTags": service.propagate_tags,
        "enableExecuteCommand": service.enable_execute_command,
        "availabilityZoneRebalancing": service.availability_zone_rebalancing,
    }
    if service.has_grace:
        shown["healthCheckGracePeriodSeconds"] = service.grace_seconds
    if service.role_arn:
        shown["roleArn"] = service.role_arn
    if revision is not None:
        shown |= _placement(revision)
        shown["taskDefinition"] = service.primary.task_definition_arn
        shown["loadBalancers"] = show_load_balancers(revision.load_balancers)
        shown["networkConfiguration"] = show_network(revision.network)
        shown["deployments"] = [_deployment(store, d, tasks) for d in service.deployments]
        shown |= _current(store, service, tasks)
    if with_tags:
        shown["tags"] = show_tags(service.tags)
    return shown


def _counts(tasks: Iterable[Task]) -> tuple[int, int]:
    """(running, pending) as DescribeServices counts them."""
    states = Counter(task.status for task in tasks)
    return states[TaskStatus.RUNNING], sum(states[status] for status in _PENDING)


def _placement(revision: Revision) -> dict[str, Any]:
    if revision.strategy:
        return {
            "capacityProviderStrategy": show_strategy(revision.strategy),
            "platformVersion": revision.platform_version,
            "platformFamily": "Linux",
        }
    return {
        "launchType": revision.launch_type or "FARGATE",
        "platformVersion": revision.platform_version,
        "platformFamily": "Linux",
    }


def _deployment(store: Store, deployment: Deployment, tasks: list[Task]) -> dict[str, Any]:
    own = [task for task in tasks if task.deployment_id == deployment.id]
    running, pending = _counts(own)
    revision = store.get(REVISIONS, deployment.revision_arn)
    assert revision is not None
    return {
        "id": deployment.id,
        "status": str(deployment.role),
        "taskDefinition": deployment.task_definition_arn,
        "desiredCount": deployment.desired_count,
        "pendingCount": pending,
        "runningCount": running,
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        **_placement(revision),
        "networkConfiguration": show_network(revision.network),
        "rolloutState": str(deployment.rollout),
        "rolloutStateReason": deployment.rollout_reason,
    }


def _current(store: Store, service: Service, tasks: list[Task]) -> dict[str, Any]:
    """`currentServiceDeployment` (the one under way) and `currentServiceRevisions`."""
    shown: dict[str, Any] = {"currentServiceRevisions": []}
    for deployment in service.deployments:
        running, pending = _counts(task for task in tasks if task.deployment_id == deployment.id)
        shown["currentServiceRevisions"].append(
            {
                "arn": deployment.revision_arn,
                "requestedTaskCount": deployment.desired_count,
                "runningTaskCount": running,
                "pendingTaskCount": pending,
            }
        )
    arn = service.primary.service_deployment_arn
    record = store.get(SERVICE_DEPLOYMENTS, arn or "")
    if record is not None and (not record.status.is_terminal or record.status is ServiceDeploymentStatus.SUCCESSFUL):
        shown["currentServiceDeployment"] = record.arn
    return shown


def _events(store: Store, service: Service) -> list[dict[str, Any]]:
    events = store.find(SERVICE_EVENTS, "service", service.arn)
    return [{"id": e.id, "createdAt": e.created_at, "message": e.message} for e in reversed(events)]


def show_configuration(configuration: DeploymentConfiguration) -> dict[str, Any]:
    """`deploymentConfiguration` with every default written out."""
    breaker, early = configuration.breaker, configuration.early_success
    shown: dict[str, Any] = {
        "deploymentCircuitBreaker": {
            "enable": breaker.enable,
            "rollback": breaker.rollback,
            "resetOnHealthyTask": breaker.reset_on_healthy_task,
            "thresholdConfiguration": {"type": str(breaker.threshold_type), "value": breaker.threshold_value},
        },
        "maximumPercent": configuration.maximum_percent,
        "minimumHealthyPercent": configuration.minimum_healthy_percent,
        "alarms": {
            "alarmNames": list(configuration.alarm_names),
            "enable": configuration.alarms_enable,
            "rollback": configuration.alarms_rollback,
        },
        "strategy": "ROLLING",
        "bakeTimeInMinutes": configuration.bake_minutes,
    }
    if early.enable:
        shown["earlySuccessCriteria"] = {
            "enable": True,
            "healthyPercent": early.healthy_percent,
            "sourceServiceRevisionCleanup": "BLOCKING" if early.blocking_cleanup else "DEFERRED",
        }
    return shown


def show_network(network: Network) -> dict[str, Any]:
    return {
        "awsvpcConfiguration": {
            "subnets": list(network.subnets),
            "securityGroups": list(network.security_groups),
            "assignPublicIp": network.assign_public_ip,
        }
    }


def show_load_balancers(references: Iterable[LoadBalancerRef]) -> list[dict[str, Any]]:
    return [
        {"targetGroupArn": r.target_group_arn, "containerName": r.container, "containerPort": r.container_port}
        for r in references
    ]
