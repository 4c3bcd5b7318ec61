"""Task definitions: families and their revisions."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from fairway.engine.model.cluster import ContainerDefinition, HealthCommand, TaskDefinition, TaskDefinitionStatus
from fairway.engine.services.ecs.attributes import compatibilities, required_attributes
from fairway.engine.services.ecs.container_rules import UNSUPPORTED, WITHOUT_EFFECT, check_task
from fairway.engine.services.ecs.fargate_sizes import cpu_units, memory_mib
from fairway.engine.services.ecs.faults import ClientException, InvalidParameterException
from fairway.engine.services.ecs.names import (
    find_task_definition,
    page,
    read_tags,
    show_tags,
    task_definition_arn,
)
from fairway.engine.services.ecs.table import OPERATIONS
from fairway.engine.store.schema import NOTES, SERVICES, TASK_DEFINITIONS, TASKS, Note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.services.operation import Context, Request, Response
    from fairway.engine.store.store import Store

_FAMILY: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_MOST_BYTES: Final = 65536
_DEFAULT_STOP_TIMEOUT: Final = 30
_MOST_DELETED: Final = 10
_EMPTY_LISTS: Final = ("environment", "mountPoints", "volumesFrom", "portMappings", "systemControls")


def read_container(document: Mapping[str, Any]) -> ContainerDefinition:
    """What the control plane needs of a container definition."""
    health = document.get("healthCheck")
    return ContainerDefinition(
        name=document["name"],
        image=document["image"],
        essential=document.get("essential", True),
        health=None
        if not health
        else HealthCommand(
            command=tuple(health["command"]),
            interval_seconds=health.get("interval", 30),
            timeout_seconds=health.get("timeout", 5),
            retries=health.get("retries", 3),
            start_period_seconds=health.get("startPeriod", 0),
        ),
        depends_on=tuple((d["containerName"], d["condition"]) for d in document.get("dependsOn", ())),
        ports=tuple((m["containerPort"], m.get("protocol", "tcp")) for m in document.get("portMappings", ())),
        stop_timeout_seconds=document.get("stopTimeout", _DEFAULT_STOP_TIMEOUT),
        start_timeout_seconds=document.get("startTimeout"),
    )


def _complete(request: Mapping[str, Any]) -> dict[str, Any]:
    """The document as ECS gives it back: with its defaults written out."""
    body = {key: value for key, value in request.items() if key != "tags"}
    body["networkMode"] = request.get("networkMode", "bridge")
    if request.get("cpu"):
        body["cpu"] = str(cpu_units(request["cpu"]) or request["cpu"])
    if request.get("memory"):
        body["memory"] = str(memory_mib(request["memory"]) or request["memory"])
    body["volumes"] = list(request.get("volumes", ()))
    body["placementConstraints"] = list(request.get("placementConstraints", ()))
    containers = []
    for container in request["containerDefinitions"]:
        shown: dict[str, Any] = {name: [] for name in _EMPTY_LISTS} | {"cpu": 0, "essential": True} | dict(container)
        awsvpc = body["networkMode"] == "awsvpc"
        shown["portMappings"] = [
            {"containerPort": m["containerPort"], "hostPort": m["containerPort"] if awsvpc else m.get("hostPort", 0)}
            | {"protocol": m.get("protocol", "tcp")}
            | {key: value for key, value in m.items() if key not in {"containerPort", "hostPort", "protocol"}}
            for m in container.get("portMappings", ())
        ]
        if "healthCheck" in container:
            shown["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3} | dict(container["healthCheck"])
        containers.append(shown)
    body["containerDefinitions"] = containers
    return body


def show_task_definition(definition: TaskDefinition) -> dict[str, Any]:
    """A revision as the API shows it."""
    shown: dict[str, Any] = {
        "taskDefinitionArn": definition.arn,
        **definition.body,
        "revision": definition.revision,
        "status": str(definition.status),
        "registeredAt": definition.registered_at,
        "registeredBy": definition.registered_by,
    }
    if definition.deregistered_at is not None:
        shown["deregisteredAt"] = definition.deregistered_at
    if definition.delete_requested_at is not None:
        shown["deleteRequestedAt"] = definition.delete_requested_at
    return shown


@OPERATIONS.operation("RegisterTaskDefinition", refuses=UNSUPPORTED, ignores=WITHOUT_EFFECT)
def register_task_definition(ctx: Context, request: Request) -> Response:
    """Register the next revision of a family."""
    family = request["family"]
    if not _FAMILY.fullmatch(family):
        raise ClientException(
            "Family contains invalid characters: up to 255 letters (uppercase and lowercase), numbers, underscores, "
            "and hyphens are allowed."
        )
    size = len(orjson.dumps(dict(request)))
    if size > _MOST_BYTES:
        raise ClientException(f"Actual length: '{size}'. Max allowed length is '{_MOST_BYTES}' bytes.")
    check_task(request)
    body = _complete(request)
    body["compatibilities"] = compatibilities(body)
    body["requiresAttributes"] = required_attributes(body)
    counter = f"revision|{ctx.region}|{family}"
    note = ctx.store.get(NOTES, counter)
    revision = 1 if note is None else int(note.value) + 1
    definition = TaskDefinition(
        arn=task_definition_arn(ctx, family, revision),
        family=family,
        revision=revision,
        region=ctx.region,
        status=TaskDefinitionStatus.ACTIVE,
        body=body,
        containers=tuple(read_container(container) for container in body["containerDefinitions"]),
        registered_at=ctx.now,
        registered_by=ctx.caller_arn,
        tags=read_tags(request),
    )
    with ctx.store.transaction() as tx:
        tx.put(NOTES, Note(counter, str(revision)))
        tx.put(TASK_DEFINITIONS, definition)
    return {"taskDefinition": show_task_definition(definition), "tags": show_tags(definition.tags)}


@OPERATIONS.operation("DescribeTaskDefinition")
def describe_task_definition(ctx: Context, request: Request) -> Response:
    """One revision; the latest ACTIVE one of a family."""
    definition = find_task_definition(ctx, request["taskDefinition"])
    if definition is None:
        raise ClientException("Unable to describe task definition.")
    tags = {"tags": show_tags(definition.tags)} if "TAGS" in request.get("include", ()) else {}
    return {"taskDefinition": show_task_definition(definition)} | tags


@OPERATIONS.operation("DeregisterTaskDefinition")
def deregister_task_definition(ctx: Context, request: Request) -> Response:
    """Make a revision INACTIVE; what runs on it goes on."""
    reference = request["taskDefinition"]
    if ":" not in reference.rsplit("/", 1)[-1]:
        raise ClientException("The task definition must be given with its revision: family:revision.")
    definition = find_task_definition(ctx, reference)
    if definition is None:
        raise ClientException("The specified task definition does not exist.")
    if definition.status is TaskDefinitionStatus.ACTIVE:
        definition = replace(definition, status=TaskDefinitionStatus.INACTIVE, deregistered_at=ctx.now)
        with ctx.store.transaction() as tx:
            tx.put(TASK_DEFINITIONS, definition)
    return {"taskDefinition": show_task_definition(definition)}


@OPERATIONS.operation("DeleteTaskDefinitions")
def delete_task_definitions(ctx: Context, request: Request) -> Response:
    """Delete INACTIVE revisions; those that tasks or services still use stay DELETE_IN_PROGRESS."""
    references = request["taskDefinitions"]
    if len(references) > _MOST_DELETED:
        raise InvalidParameterException("taskDefinitions can have at most 10 items.")
    shown, failures = [], []
    with ctx.store.transaction() as tx:
        for reference in references:
            definition = find_task_definition(ctx, reference)
            if definition is None:
                failures.append({"arn": reference, "reason": "The specified task definition does not exist."})
                continue
            if definition.status is TaskDefinitionStatus.ACTIVE:
                failures.append(
                    {"arn": definition.arn, "reason": "The specified task definition is still in ACTIVE status."}
                )
                continue
            deleting = replace(definition, status=TaskDefinitionStatus.DELETE_IN_PROGRESS, delete_requested_at=ctx.now)
            shown.append(show_task_definition(deleting))
            if is_used(ctx.store, definition):
                tx.put(TASK_DEFINITIONS, deleting)
            else:
                tx.delete(TASK_DEFINITIONS, definition.arn)
    return {"taskDefinitions": shown, "failures": failures}


def is_used(store: Store, definition: TaskDefinition) -> bool:
    """A task that is still shown, or a deployment of a service, is of this revision."""
    if any(task.task_definition_arn == definition.arn for task in store.all(TASKS)):
        return True
    deployments = (deployment for service in store.all(SERVICES) for deployment in service.deployments)
    return any(deployment.task_definition_arn == definition.arn for deployment in deployments)


@OPERATIONS.operation("ListTaskDefinitions")
def list_task_definitions(ctx: Context, request: Request) -> Response:
    """ARNs of revisions, ACTIVE ones unless asked otherwise, in the order of family and revision."""
    wanted = request.get("status", "ACTIVE")
    prefix = request.get("familyPrefix")
    found = [
        definition
        for definition in ctx.store.find(TASK_DEFINITIONS, "region", ctx.region)
        if definition.status == wanted and prefix in {None, definition.family}
    ]
    found.sort(key=lambda d: (d.family, d.revision), reverse=request.get("sort") == "DESC")
    shown, token = page("ListTaskDefinitions", [definition.arn for definition in found], request, 100)
    return {"taskDefinitionArns": shown} | ({"nextToken": token} if token else {})


@OPERATIONS.operation("ListTaskDefinitionFamilies")
def list_task_definition_families(ctx: Context, request: Request) -> Response:
    """Names of families; ACTIVE: those with an ACTIVE revision."""
    wanted, prefix = request.get("status", "ALL"), request.get("familyPrefix", "")
    active: dict[str, bool] = {}
    for definition in ctx.store.find(TASK_DEFINITIONS, "region", ctx.region):
        is_active = definition.status is TaskDefinitionStatus.ACTIVE
        active[definition.family] = active.get(definition.family, False) or is_active
    families = sorted(
        family
        for family, is_active in active.items()
        if family.startswith(prefix) and (wanted == "ALL" or is_active is (wanted == "ACTIVE"))
    )
    shown, token = page("ListTaskDefinitionFamilies", families, request, 100)
    return {"families": shown} | ({"nextToken": token} if token else {})
