"""Finds what a request refers to by short name or ARN, and writes ARNs."""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from fairway.arn import is_arn
from fairway.engine.model.cluster import TaskDefinitionStatus
from fairway.engine.services.ecs.faults import (
    ClientException,
    ClusterNotFoundException,
    InvalidParameterException,
    ServiceNotFoundException,
)
from fairway.engine.store.schema import CLUSTERS, SERVICES, TASK_DEFINITIONS, TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.engine.model.cluster import Cluster, TaskDefinition
    from fairway.engine.model.service import Service
    from fairway.engine.model.task import Task
    from fairway.engine.services.operation import Context

DEFAULT_CLUSTER = "default"
_TASK_ID_LENGTHS = (32, 36)


def ecs_arn(ctx: Context, resource: str) -> str:
    return f"arn:aws:ecs:{ctx.region}:{ctx.account}:{resource}"


def cluster_arn(ctx: Context, reference: str | None) -> str:
    """The ARN that a cluster's name or ARN stands for."""
    reference = reference or DEFAULT_CLUSTER
    return reference if is_arn(reference) else ecs_arn(ctx, f"cluster/{reference}")


def find_cluster(ctx: Context, reference: str | None) -> Cluster | None:
    return ctx.store.get(CLUSTERS, cluster_arn(ctx, reference))


def need_cluster(ctx: Context, reference: str | None) -> Cluster:
    """The cluster that is meant.

    Raises:
        ClusterNotFoundException: none, or it was deleted.
    """
    cluster = find_cluster(ctx, reference)
    if cluster is None:
        raise ClusterNotFoundException("Cluster not found.")
    if cluster.status != "ACTIVE":
        raise ClusterNotFoundException("The referenced cluster was inactive.")
    return cluster


def service_arn(ctx: Context, cluster: Cluster, reference: str) -> str:
    return reference if is_arn(reference) else ecs_arn(ctx, f"service/{cluster.name}/{reference}")


def find_service(ctx: Context, cluster: Cluster, reference: str) -> Service | None:
    service = ctx.store.get(SERVICES, service_arn(ctx, cluster, reference))
    return service if service is not None and service.cluster_arn == cluster.arn else None


def need_service(ctx: Context, cluster: Cluster, reference: str) -> Service:
    """The service that is meant.

    Raises:
        ServiceNotFoundException: none.
    """
    service = find_service(ctx, cluster, reference)
    if service is None:
        raise ServiceNotFoundException("Service not found.")
    return service


def find_task(ctx: Context, cluster: Cluster, reference: str) -> Task | None:
    """A task of a cluster by id or ARN.

    Raises:
        InvalidParameterException: it cannot be an id.
    """
    if len(reference.rsplit("/", 1)[-1]) not in _TASK_ID_LENGTHS:
        raise InvalidParameterException("taskId length should be one of [32,36]")
    arn = reference if is_arn(reference) else ecs_arn(ctx, f"task/{cluster.name}/{reference}")
    task = ctx.store.get(TASKS, arn)
    return task if task is not None and task.cluster_arn == cluster.arn else None


def task_definition_arn(ctx: Context, family: str, revision: int) -> str:
    return ecs_arn(ctx, f"task-definition/{family}:{revision}")


def find_task_definition(ctx: Context, reference: str) -> TaskDefinition | None:
    """By ARN, `family:revision`, or `family` (its latest ACTIVE revision).

    Raises:
        InvalidParameterException: the revision is no number.
    """
    name = reference.rsplit("/", 1)[-1] if is_arn(reference) else reference
    family, colon, revision = name.partition(":")
    if colon:
        if not revision.isdigit():
            raise InvalidParameterException(f"Invalid revision number. Number: {revision}")
        return ctx.store.get(TASK_DEFINITIONS, task_definition_arn(ctx, family, int(revision)))
    active = [
        definition
        for definition in ctx.store.find(TASK_DEFINITIONS, "family", f"{ctx.region}|{family}")
        if definition.status is TaskDefinitionStatus.ACTIVE
    ]
    return max(active, key=lambda definition: definition.revision, default=None)


def active_task_definition(ctx: Context, reference: str) -> TaskDefinition:
    """A revision that a service may use.

    Raises:
        ClientException: there is none, or it is not ACTIVE.
    """
    definition = find_task_definition(ctx, reference)
    if definition is None:
        raise ClientException("TaskDefinition not found.")
    if definition.status is not TaskDefinitionStatus.ACTIVE:
        raise ClientException("TaskDefinition is inactive")
    return definition


# -- tags and pages ----------------------------------------------------------------------------------------------------


def read_tags(request: Mapping[str, Any], member: str = "tags") -> dict[str, str]:
    """Tags as a mapping, after AWS's rules.

    Raises:
        InvalidParameterException: more than 50, a reserved prefix, a key given twice.
    """
    items = request.get(member, ())
    tags = {item.get("key", ""): item.get("value", "") for item in items}
    if len(tags) != len(items):
        raise InvalidParameterException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if len(tags) > 50:  # noqa: PLR2004 - AWS's limit
        raise InvalidParameterException("The number of tags exceeds the limit of 50.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise InvalidParameterException("Tag keys that begin with aws: are reserved for AWS use.")
    return tags


def show_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def page(operation: str, items: Sequence[str], request: Mapping[str, Any], size: int) -> tuple[list[str], str | None]:
    """One page of `items` (ids in a stable order) and the token of the next; `maxResults` may only make it smaller.

    A token is good for the operation and the filters that it was given out for, and for no others.

    Raises:
        InvalidParameterException: the token is not one of ours, or of another request; maxResults is out of range.
    """
    wanted = request.get("maxResults", size)
    if not 1 <= wanted <= 100:  # noqa: PLR2004 - AWS's range
        raise InvalidParameterException("maxResults must be between 1 and 100.")
    asked = _asked(operation, request)
    start = 0
    token = request.get("nextToken")
    if token:
        try:
            of, number, last = base64.urlsafe_b64decode(token.encode()).decode().split("|", 2)
            # what the last page ended with may be gone: then its neighbours have moved up by one
            start = items.index(last) + 1 if last in items else min(max(0, int(number) - 1), len(items))
        except (binascii.Error, UnicodeError, ValueError):
            raise InvalidParameterException("Invalid token.") from None
        if of != asked:
            raise InvalidParameterException("Invalid token.")
    shown = list(items[start : start + wanted])
    end = start + len(shown)
    if end >= len(items) or not shown:
        return shown, None
    return shown, base64.urlsafe_b64encode(f"{asked}|{end}|{shown[-1]}".encode()).decode()


def _asked(operation: str, request: Mapping[str, Any]) -> str:
    """Stands for an operation and its filters."""
    filters = sorted((key, repr(value)) for key, value in request.items() if key not in {"nextToken", "maxResults"})
    return sha256(repr((operation, filters)).encode()).hexdigest()[:16]
