"""Reads AWS's answers into frozen pictures. Pure; unknown members are left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fairway.observed import (
    ContainerState,
    Event,
    HealthCheck,
    RevisionCount,
    Rollout,
    Service,
    ServiceDeployment,
    Target,
    Task,
    TaskDefinition,
    short,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_service(document: Mapping[str, Any]) -> Service:
    """One of DescribeServices' `services`."""
    return Service(
        arn=document["serviceArn"],
        name=document["serviceName"],
        cluster=short(document["clusterArn"]),
        status=document["status"],
        controller=document.get("deploymentController", {}).get("type", "ECS"),
        desired=document["desiredCount"],
        running=document["runningCount"],
        pending=document["pendingCount"],
        task_definition=document.get("taskDefinition", ""),
        rollouts=tuple(_rollout(item) for item in document.get("deployments", ())),
        events=tuple(Event(e["id"], e["createdAt"], e["message"]) for e in document.get("events", ())),
        target_groups=tuple(b["targetGroupArn"] for b in document.get("loadBalancers", ()) if "targetGroupArn" in b),
        grace_seconds=document.get("healthCheckGracePeriodSeconds", 0),
        document=document,
    )


def _rollout(document: Mapping[str, Any]) -> Rollout:
    return Rollout(
        id=document["id"],
        status=document["status"],
        task_definition=document["taskDefinition"],
        desired=document["desiredCount"],
        pending=document["pendingCount"],
        running=document["runningCount"],
        failed=document.get("failedTasks", 0),
        state=document.get("rolloutState", ""),
        reason=document.get("rolloutStateReason", ""),
        created_at=document.get("createdAt"),
    )


def read_service_deployment(document: Mapping[str, Any]) -> ServiceDeployment:
    """One of DescribeServiceDeployments' or ListServiceDeployments' `serviceDeployments`."""
    breaker, rollback = document.get("deploymentCircuitBreaker", {}), document.get("rollback", {})
    target = document.get("targetServiceRevision") or {"arn": document.get("targetServiceRevisionArn", "")}
    return ServiceDeployment(
        arn=document["serviceDeploymentArn"],
        service_arn=document["serviceArn"],
        status=document["status"],
        created_at=document["createdAt"],
        target_revision=_count(target),
        reason=document.get("statusReason", ""),
        source_revisions=tuple(_count(source) for source in document.get("sourceServiceRevisions", ())),
        started_at=document.get("startedAt"),
        finished_at=document.get("finishedAt") or document.get("stoppedAt"),
        rollback_reason=rollback.get("reason", ""),
        rollback_revision=rollback.get("serviceRevisionArn"),
        breaker_status=breaker.get("status", ""),
        failures=breaker.get("failureCount", 0),
        threshold=breaker.get("threshold", 0),
        alarms=tuple(document.get("alarms", {}).get("triggeredAlarmNames", ())),
    )


def _count(document: Mapping[str, Any]) -> RevisionCount:
    return RevisionCount(
        document.get("arn", ""),
        document.get("requestedTaskCount", 0),
        document.get("runningTaskCount", 0),
        document.get("pendingTaskCount", 0),
    )


def read_task(document: Mapping[str, Any]) -> Task:
    """One of DescribeTasks' `tasks`."""
    return Task(
        arn=document["taskArn"],
        task_definition=document["taskDefinitionArn"],
        status=document["lastStatus"],
        desired=document["desiredStatus"],
        health=document.get("healthStatus", "UNKNOWN"),
        started_by=document.get("startedBy", ""),
        created_at=document["createdAt"],
        started_at=document.get("startedAt"),
        stopped_at=document.get("stoppedAt"),
        stop_code=document.get("stopCode", ""),
        stopped_reason=document.get("stoppedReason", ""),
        zone=document.get("availabilityZone", ""),
        address=_address(document),
        containers=tuple(_container(item) for item in document.get("containers", ())),
    )


def _address(document: Mapping[str, Any]) -> str:
    for attachment in document.get("attachments", ()):
        for detail in attachment.get("details", ()):
            if detail.get("name") == "privateIPv4Address":
                return str(detail["value"])
    return ""


def _container(document: Mapping[str, Any]) -> ContainerState:
    return ContainerState(
        name=document["name"],
        status=document.get("lastStatus", ""),
        image=document.get("image", ""),
        exit_code=document.get("exitCode"),
        reason=document.get("reason", ""),
        health=document.get("healthStatus", "UNKNOWN"),
    )


def read_task_definition(answer: Mapping[str, Any]) -> TaskDefinition:
    """The answer of DescribeTaskDefinition or RegisterTaskDefinition."""
    document = answer["taskDefinition"]
    tags = {item["key"]: item.get("value", "") for item in answer.get("tags", ())}
    return TaskDefinition(document["taskDefinitionArn"], document, tags)


def read_target(target_group: str, document: Mapping[str, Any]) -> Target:
    """One of DescribeTargetHealth's descriptions."""
    target, health = document["Target"], document.get("TargetHealth", {})
    return Target(
        target_group=target_group,
        address=target["Id"],
        port=target.get("Port", 0),
        state=health.get("State", ""),
        reason=health.get("Reason", ""),
        description=health.get("Description", ""),
    )


def read_health_check(document: Mapping[str, Any]) -> HealthCheck:
    """The health check in one of DescribeTargetGroups' groups."""
    return HealthCheck(
        target_group=document["TargetGroupArn"],
        path=document.get("HealthCheckPath", "/"),
        port=document.get("HealthCheckPort", "traffic-port"),
        matcher=document.get("Matcher", {}).get("HttpCode", "200"),
        interval_seconds=document.get("HealthCheckIntervalSeconds", 30),
        timeout_seconds=document.get("HealthCheckTimeoutSeconds", 5),
        healthy_threshold=document.get("HealthyThresholdCount", 5),
        unhealthy_threshold=document.get("UnhealthyThresholdCount", 2),
    )
