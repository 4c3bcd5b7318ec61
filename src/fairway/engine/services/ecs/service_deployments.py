"""Service deployments and service revisions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.service import RevisionCount, ServiceDeployment, ServiceDeploymentStatus
from fairway.engine.services.ecs.clusters import show_strategy
from fairway.engine.services.ecs.describe_services import show_configuration, show_load_balancers, show_network
from fairway.engine.services.ecs.faults import (
    ConflictException,
    InvalidParameterException,
    ServiceDeploymentNotFoundException,
)
from fairway.engine.services.ecs.names import need_cluster, need_service, page
from fairway.engine.services.ecs.table import OPERATIONS
from fairway.engine.store.schema import REVISIONS, SERVICE_DEPLOYMENTS, TASK_DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.model.service import Revision
    from fairway.engine.services.operation import Context, Request, Response

MOST: Final = 20
_GOING_ON: Final = frozenset(
    {
        ServiceDeploymentStatus.STOP_REQUESTED,
        ServiceDeploymentStatus.ROLLBACK_REQUESTED,
        ServiceDeploymentStatus.ROLLBACK_IN_PROGRESS,
    }
)


@OPERATIONS.operation("ListServiceDeployments")
def list_service_deployments(ctx: Context, request: Request) -> Response:
    """Deployments of a service, newest first."""
    cluster = need_cluster(ctx, request.get("cluster"))
    service = need_service(ctx, cluster, request["service"])
    records = ctx.store.find(SERVICE_DEPLOYMENTS, "service", service.arn)
    records.sort(key=lambda record: record.created_at)
    chosen = {record.arn: record for record in reversed(records) if _passes(record, request)}
    shown, token = page("ListServiceDeployments", list(chosen), request, 100)
    return {"serviceDeployments": [_brief(chosen[arn]) for arn in shown]} | ({"nextToken": token} if token else {})


def _passes(record: ServiceDeployment, request: Mapping[str, Any]) -> bool:
    window = request.get("createdAt", {})
    after, before = window.get("after"), window.get("before")
    created = round(record.created_at.timestamp(), 3)  # as it is shown: a client gives back what it saw
    return (
        (not request.get("status") or record.status in request["status"])
        and (after is None or created >= round(after.timestamp(), 3))
        and (before is None or created <= round(before.timestamp(), 3))
    )


def _times(record: ServiceDeployment) -> dict[str, Any]:
    moments = {
        "createdAt": record.created_at,
        "startedAt": record.started_at,
        "finishedAt": record.finished_at,
        "stoppedAt": record.stopped_at,
    }
    return {name: moment for name, moment in moments.items() if moment is not None}


def _brief(record: ServiceDeployment) -> dict[str, Any]:
    shown = {
        "serviceDeploymentArn": record.arn,
        "serviceArn": record.service_arn,
        "clusterArn": record.cluster_arn,
        "targetServiceRevisionArn": record.target_revision.arn,
        "status": str(record.status),
        **_times(record),
    }
    if record.status_reason:
        shown["statusReason"] = record.status_reason
    return shown


def _count(count: RevisionCount) -> dict[str, Any]:
    return {
        "arn": count.arn,
        "requestedTaskCount": count.requested,
        "runningTaskCount": count.running,
        "pendingTaskCount": count.pending,
    }


def _whole(record: ServiceDeployment) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "serviceDeploymentArn": record.arn,
        "serviceArn": record.service_arn,
        "clusterArn": record.cluster_arn,
        "updatedAt": record.updated_at,
        **_times(record),
        "sourceServiceRevisions": [_count(source) for source in record.source_revisions],
        "targetServiceRevision": _count(record.target_revision),
        "status": str(record.status),
        "deploymentConfiguration": show_configuration(record.configuration),
        "deploymentCircuitBreaker": {
            "status": record.breaker_status,
            "failureCount": record.breaker_failures,
            "threshold": record.breaker_threshold,
        },
        "alarms": {
            "status": record.alarms_status,
            "alarmNames": list(record.configuration.alarm_names),
            "triggeredAlarmNames": list(record.alarms_triggered),
        },
    }
    if record.status_reason:
        shown["statusReason"] = record.status_reason
    if record.rollback is not None:
        shown["rollback"] = {
            "reason": record.rollback.reason,
            "startedAt": record.rollback.started_at,
            "serviceRevisionArn": record.rollback.revision_arn,
        }
    return shown


@OPERATIONS.operation("DescribeServiceDeployments")
def describe_service_deployments(ctx: Context, request: Request) -> Response:
    """Up to twenty service deployments."""
    arns = request["serviceDeploymentArns"]
    if not 1 <= len(arns) <= MOST:
        raise InvalidParameterException("serviceDeploymentArns must have between 1 and 20 items.")
    found, failures = [], []
    for arn in arns:
        record = ctx.store.get(SERVICE_DEPLOYMENTS, arn)
        if record is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_whole(record))
    return {"serviceDeployments": found, "failures": failures}


@OPERATIONS.operation("DescribeServiceRevisions")
def describe_service_revisions(ctx: Context, request: Request) -> Response:
    """Up to twenty service revisions."""
    arns = request["serviceRevisionArns"]
    if not 1 <= len(arns) <= MOST:
        raise InvalidParameterException("serviceRevisionArns must have between 1 and 20 items.")
    found, failures = [], []
    for arn in arns:
        revision = ctx.store.get(REVISIONS, arn)
        if revision is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_revision(ctx, revision))
    return {"serviceRevisions": found, "failures": failures}


def _revision(ctx: Context, revision: Revision) -> dict[str, Any]:
    definition = ctx.store.get(TASK_DEFINITIONS, revision.task_definition_arn)
    images = []
    for container in () if definition is None else definition.containers:
        image = {"containerName": container.name, "image": container.image}
        digest = revision.image_digests.get(container.name)
        images.append(image | ({"imageDigest": digest} if digest else {}))
    shown: dict[str, Any] = {
        "serviceRevisionArn": revision.arn,
        "serviceArn": revision.service_arn,
        "clusterArn": revision.cluster_arn,
        "taskDefinition": revision.task_definition_arn,
        "platformVersion": revision.platform_version,
        "platformFamily": "Linux",
        "loadBalancers": show_load_balancers(revision.load_balancers),
        "serviceRegistries": [],
        "networkConfiguration": show_network(revision.network),
        "containerImages": images,
        "guardDutyEnabled": False,
        "createdAt": revision.created_at,
    }
    if revision.strategy:
        shown["capacityProviderStrategy"] = show_strategy(revision.strategy)
    else:
        shown["launchType"] = revision.launch_type
    return shown


@OPERATIONS.operation("StopServiceDeployment", refuses=("stopType=ROLLBACK",))
def stop_service_deployment(ctx: Context, request: Request) -> Response:
    """Ask for the rollback of a deployment under way."""
    record = ctx.store.get(SERVICE_DEPLOYMENTS, request["serviceDeploymentArn"])
    if record is None:
        raise ServiceDeploymentNotFoundException("Service deployment not found.")
    if record.status.is_terminal:
        raise ConflictException(f"Service deployment is in {record.status} state, and cannot be stopped.")
    if record.status not in _GOING_ON:
        asked = replace(record, status=ServiceDeploymentStatus.ROLLBACK_REQUESTED, updated_at=ctx.now)
        with ctx.store.transaction() as tx:
            tx.put(SERVICE_DEPLOYMENTS, asked)
    return {"serviceDeploymentArn": record.arn}
