"""Tasks: run, stop, describe, list."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import orjson

from fairway.arn import is_arn
from fairway.engine.control.placement import choose_provider, new_task
from fairway.engine.control.task_lifecycle import stop
from fairway.engine.model.cluster import StrategyItem, TaskDefinition, TaskDefinitionStatus
from fairway.engine.model.task import StopCode, TaskStatus
from fairway.engine.services.ecs.clusters import read_strategy
from fairway.engine.services.ecs.describe_tasks import show_task
from fairway.engine.services.ecs.faults import (
    ClientException,
    ConflictException,
    InvalidParameterException,
)
from fairway.engine.services.ecs.names import (
    ecs_arn,
    find_task,
    find_task_definition,
    need_cluster,
    need_service,
    page,
    read_tags,
)
from fairway.engine.services.ecs.service_settings import need_fargate, read_network
from fairway.engine.services.ecs.table import OPERATIONS
from fairway.engine.services.network import addresses_in_use, subnets_of
from fairway.engine.store.schema import NOTES, TASKS, Note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.model.cluster import Cluster
    from fairway.engine.model.service import Network
    from fairway.engine.model.task import Task
    from fairway.engine.services.operation import Context, Request, Response

MOST_RUN: Final = 10
MOST_DESCRIBED: Final = 100
STOPPED_BY_USER: Final = "Task stopped by user"
_UNSUPPORTED: Final = (
    "placementConstraints",
    "placementStrategy",
    "volumeConfigurations",
    "referenceId",
    "launchType=FARGATE",
    "overrides.containerOverrides.environmentFiles",
    "overrides.containerOverrides.resourceRequirements",
    "overrides.inferenceAcceleratorOverrides",
)


def _runnable(ctx: Context, reference: str) -> TaskDefinition:
    definition = find_task_definition(ctx, reference)
    if definition is None:
        raise ClientException("TaskDefinition not found.")
    if definition.status is not TaskDefinitionStatus.ACTIVE:
        raise InvalidParameterException("TaskDefinition is inactive")
    need_fargate(definition)
    return definition


@OPERATIONS.operation("RunTask", refuses=_UNSUPPORTED)
def run_task(ctx: Context, request: Request) -> Response:
    """Run up to ten tasks outside any service."""
    cluster = need_cluster(ctx, request.get("cluster"))
    count = request.get("count", 1)
    if not 1 <= count <= MOST_RUN:
        raise InvalidParameterException("count must be between 1 and 10.")
    definition = _runnable(ctx, request["taskDefinition"])
    repeated = _repeated(ctx, cluster, request)
    if repeated is not None:
        return {"tasks": [show_task(ctx.store, task, with_tags=True) for task in repeated], "failures": []}
    _check_overrides(request, definition)
    network = read_network(ctx, request.get("networkConfiguration"), definition)
    strategy = _strategy(request, cluster)
    with ctx.store.transaction() as tx:
        tasks: list[Task] = []
        for _ in range(count):
            tasks.append(tx.put(TASKS, _new(ctx, request, cluster, definition, network, strategy, tasks)))
        if request.get("clientToken"):
            tx.put(NOTES, Note(_token_key(cluster, request), _digest(request)))
    return {"tasks": [show_task(ctx.store, task, with_tags=True) for task in tasks], "failures": []}


def _token_key(cluster: Cluster, request: Mapping[str, Any]) -> str:
    return f"run-task|{cluster.arn}|{request['clientToken']}"


def _digest(request: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(request), option=orjson.OPT_SORT_KEYS).decode()


def _repeated(ctx: Context, cluster: Cluster, request: Mapping[str, Any]) -> list[Task] | None:
    """The tasks that the same token ran before.

    Raises:
        ConflictException: the token came with other parameters.
    """
    token = request.get("clientToken")
    if not token:
        return None
    note = ctx.store.get(NOTES, _token_key(cluster, request))
    tasks = ctx.store.find(TASKS, "client_token", f"{cluster.arn}|{token}")
    if note is None or not tasks:
        return None
    if note.value != _digest(request):
        raise ConflictException(
            "The request was made with a client token that was used before with other parameters.",
            resourceIds=[task.arn for task in tasks],
        )
    return tasks


def _strategy(request: Mapping[str, Any], cluster: Cluster) -> tuple[StrategyItem, ...]:
    given = request.get("capacityProviderStrategy")
    if request.get("launchType") and given:
        raise InvalidParameterException(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    if given:
        return read_strategy(given)
    return () if request.get("launchType") else cluster.default_strategy


def _check_overrides(request: Mapping[str, Any], definition: TaskDefinition) -> None:
    for override in request.get("overrides", {}).get("containerOverrides", ()):
        name = override.get("name")
        if definition.container(name or "") is None:
            raise InvalidParameterException(
                f"Override for container named {name} is not a container in the TaskDefinition."
            )


def _new(
    ctx: Context,
    request: Mapping[str, Any],
    cluster: Cluster,
    definition: TaskDefinition,
    network: Network,
    strategy: tuple[StrategyItem, ...],
    before: list[Task],
) -> Task:
    group = request.get("group") or f"family:{definition.family}"
    existing = [t for t in ctx.store.find(TASKS, "cluster", cluster.arn) if t.group == group and not t.stopping]
    provider = None
    if strategy:
        provider = choose_provider(strategy, Counter(t.capacity_provider or "" for t in before))
    tags = read_tags(request)
    if request.get("propagateTags") == "TASK_DEFINITION":
        tags = {**definition.tags, **tags}
    if request.get("enableECSManagedTags"):
        tags |= {"aws:ecs:clusterName": cluster.name}
    return new_task(
        ids=ctx.ids,
        now=ctx.now,
        cluster_arn=cluster.arn,
        region=ctx.region,
        account=ctx.account,
        definition=definition,
        network=network,
        subnets=[s for s in subnets_of(ctx.store, ctx.region) if s.id in network.subnets],
        existing=existing,
        taken=addresses_in_use(ctx.store, ctx.region),
        group=group,
        launch_type=None if provider else "FARGATE",
        capacity_provider=provider,
        started_by=request.get("startedBy"),
        overrides=request.get("overrides", {}),
        tags=tags,
        platform_version=request.get("platformVersion", "LATEST"),
        enable_execute_command=request.get("enableExecuteCommand", False),
        client_token=request.get("clientToken"),
    )


@OPERATIONS.operation("StopTask")
def stop_task(ctx: Context, request: Request) -> Response:
    """Begin to stop a task; stopping it again changes nothing."""
    cluster = need_cluster(ctx, request.get("cluster"))
    task = find_task(ctx, cluster, request["task"])
    if task is None:
        raise InvalidParameterException("The referenced task was not found.")
    if task.status is not TaskStatus.STOPPED:
        task = stop(task, StopCode.USER_INITIATED, request.get("reason") or STOPPED_BY_USER, ctx.now)
        with ctx.store.transaction() as tx:
            tx.put(TASKS, task)
    return {"task": show_task(ctx.store, task)}


@OPERATIONS.operation("DescribeTasks")
def describe_tasks(ctx: Context, request: Request) -> Response:
    """Up to a hundred tasks of one cluster; stopped ones for an hour."""
    cluster = need_cluster(ctx, request.get("cluster"))
    references = request["tasks"]
    if not references:
        raise InvalidParameterException("Tasks cannot be empty.")
    if len(references) > MOST_DESCRIBED:
        raise InvalidParameterException("Tasks cannot have more than 100 elements")
    with_tags = "TAGS" in request.get("include", ())
    tasks, failures = [], []
    for reference in references:
        task = find_task(ctx, cluster, reference)
        if task is None:
            arn = reference if is_arn(reference) else ecs_arn(ctx, f"task/{cluster.name}/{reference}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            tasks.append(show_task(ctx.store, task, with_tags=with_tags))
    return {"tasks": tasks, "failures": failures}


@OPERATIONS.operation("ListTasks", refuses=("daemonName",))
def list_tasks(ctx: Context, request: Request) -> Response:
    """ARNs of tasks; those whose desired status is RUNNING unless asked otherwise."""
    cluster = need_cluster(ctx, request.get("cluster"))
    if request.get("startedBy") and any(request.get(f) for f in ("serviceName", "family")):
        raise InvalidParameterException("startedBy must be the only filter when it is used.")
    wanted = request.get("desiredStatus", "RUNNING")
    tasks = ctx.store.find(TASKS, "cluster", cluster.arn)
    if request.get("serviceName"):
        service = need_service(ctx, cluster, request["serviceName"])
        tasks = ctx.store.find(TASKS, "service", service.arn)
    arns = [task.arn for task in tasks if task.desired == wanted and _passes(task, request)]
    shown, token = page("ListTasks", arns, request, 100)
    return {"taskArns": shown} | ({"nextToken": token} if token else {})


def _passes(task: Task, request: Mapping[str, Any]) -> bool:
    family = task.task_definition_arn.rsplit("/", 1)[-1].split(":")[0]
    return (
        request.get("family") in {None, family}
        and request.get("startedBy") in {None, task.started_by}
        and request.get("launchType") in {None, task.launch_type}
        # a Fargate task is on no container instance
        and not request.get("containerInstance")
    )
