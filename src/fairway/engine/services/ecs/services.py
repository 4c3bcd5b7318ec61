"""Services: create, update, delete, describe, list."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from fairway.engine.model.service import (
    Deployment,
    DeploymentRole,
    Network,
    Revision,
    RevisionCount,
    RolloutState,
    Service,
    ServiceDeployment,
    ServiceDeploymentStatus,
    ServiceStatus,
)
from fairway.engine.model.task import TaskStatus
from fairway.engine.services.ecs.clusters import read_strategy
from fairway.engine.services.ecs.describe_services import show_service
from fairway.engine.services.ecs.faults import InvalidParameterException, ServiceNotActiveException
from fairway.engine.services.ecs.names import (
    active_task_definition,
    ecs_arn,
    find_service,
    need_cluster,
    need_service,
    page,
    read_tags,
)
from fairway.engine.services.ecs.service_settings import (
    UNSUPPORTED,
    check_percent,
    check_placement,
    need_fargate,
    read_configuration,
    read_load_balancers,
    read_network,
)
from fairway.engine.services.ecs.table import OPERATIONS
from fairway.engine.store.schema import (
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    SERVICE_EVENTS,
    SERVICES,
    TASK_DEFINITIONS,
    TASKS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.model.cluster import Cluster, StrategyItem, TaskDefinition
    from fairway.engine.services.operation import Context, Request, Response
    from fairway.engine.store.store import Transaction

MOST_DEPLOYMENTS: Final = 5
MOST_DESCRIBED: Final = 10
_NEEDS_DEPLOYMENT: Final = ("taskDefinition", "networkConfiguration", "platformVersion", "loadBalancers")
_BOTH: Final = (
    "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
)


@OPERATIONS.operation("CreateService", refuses=(*UNSUPPORTED, "schedulingStrategy=REPLICA", "launchType=FARGATE"))
def create_service(ctx: Context, request: Request) -> Response:
    """Create a service; its first deployment begins at once."""
    check_placement(request)
    if request.get("role"):
        raise InvalidParameterException(
            "You cannot specify an IAM role for services that require a service linked role."
        )
    cluster = need_cluster(ctx, request.get("cluster"))
    name = request["serviceName"]
    digest = hashlib.sha256(orjson.dumps(_without_token(request), option=orjson.OPT_SORT_KEYS)).hexdigest()
    living = find_service(ctx, cluster, name)
    if living is not None and living.status is ServiceStatus.ACTIVE:
        if living.request_digest == digest:
            return {"service": show_service(ctx.store, living)}
        raise InvalidParameterException("Creation of service was not idempotent.")
    if living is not None and living.status is ServiceStatus.DRAINING:
        raise InvalidParameterException("Unable to Start a service that is still Draining.")
    if not request.get("taskDefinition"):
        raise InvalidParameterException("TaskDefinition can not be blank.")
    definition = active_task_definition(ctx, request["taskDefinition"])
    need_fargate(definition)
    desired = request.get("desiredCount", 0)
    check_percent(desired)
    launch_type, strategy = _compute(request, cluster)
    balancers = read_load_balancers(ctx, request.get("loadBalancers", ()), definition)
    grace = request.get("healthCheckGracePeriodSeconds")
    if grace and not balancers:
        raise InvalidParameterException(
            "Health check grace period is only valid for services configured to use load balancers"
        )
    arn = ecs_arn(ctx, f"service/{cluster.name}/{name}")
    service = Service(
        arn=arn,
        name=name,
        region=ctx.region,
        cluster_arn=cluster.arn,
        status=ServiceStatus.ACTIVE,
        desired_count=desired,
        configuration=read_configuration(request.get("deploymentConfiguration", {})),
        created_at=ctx.now,
        created_by=ctx.caller_arn,
        deployments=(),
        grace_seconds=grace or 0,
        has_grace=bool(balancers),
        enable_execute_command=request.get("enableExecuteCommand", False),
        enable_ecs_managed_tags=request.get("enableECSManagedTags", False),
        propagate_tags=request.get("propagateTags", "NONE"),
        availability_zone_rebalancing=request.get("availabilityZoneRebalancing", "ENABLED"),
        tags=read_tags(request),
        client_token=request.get("clientToken"),
        request_digest=digest,
    )
    with ctx.store.transaction() as tx:
        if living is not None:
            _forget(tx, ctx, living)
        service = _deploy(
            tx,
            ctx,
            service,
            definition,
            launch_type=launch_type,
            strategy=strategy,
            platform_version=request.get("platformVersion", "LATEST"),
            network=read_network(ctx, request.get("networkConfiguration"), definition),
            load_balancers=balancers,
        )
    return {"service": show_service(ctx.store, service)}


def _without_token(request: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key != "clientToken"}


def _compute(request: Mapping[str, Any], cluster: Cluster) -> tuple[str | None, tuple[StrategyItem, ...]]:
    """Launch type or strategy: what is asked for, else the cluster's default strategy, else FARGATE.

    The documented last default is EC2, which this engine does not have.
    """
    given = request.get("capacityProviderStrategy")
    if request.get("launchType") and given:
        raise InvalidParameterException(_BOTH)
    if given:
        return None, read_strategy(given)
    if request.get("launchType"):
        return request["launchType"], ()
    if cluster.default_strategy:
        return None, cluster.default_strategy
    return "FARGATE", ()


def _forget(tx: Transaction, ctx: Context, service: Service) -> None:
    """A new service takes the name of one that was deleted: nothing of the old one is shown any more."""
    for event in ctx.store.find(SERVICE_EVENTS, "service", service.arn):
        tx.delete(SERVICE_EVENTS, event.id)
    for revision in ctx.store.find(REVISIONS, "service", service.arn):
        tx.delete(REVISIONS, revision.arn)


def _deploy(tx: Transaction, ctx: Context, service: Service, definition: TaskDefinition, **settings: Any) -> Service:
    """Give the service a new PRIMARY deployment, with its service revision and its service deployment."""
    number = ctx.ids.decimal(19)
    path = f"{service.cluster_arn.rsplit('/', 1)[-1]}/{service.name}"
    revision = tx.put(
        REVISIONS,
        Revision(
            arn=ecs_arn(ctx, f"service-revision/{path}/{number}"),
            service_arn=service.arn,
            cluster_arn=service.cluster_arn,
            task_definition_arn=definition.arn,
            created_at=ctx.now,
            **settings,
        ),
    )
    record = tx.put(
        SERVICE_DEPLOYMENTS,
        ServiceDeployment(
            arn=ecs_arn(ctx, f"service-deployment/{path}/{ctx.ids.url_safe(21)}"),
            service_arn=service.arn,
            cluster_arn=service.cluster_arn,
            deployment_id=f"ecs-svc/{number}",
            created_at=ctx.now,
            updated_at=ctx.now,
            status=ServiceDeploymentStatus.PENDING,
            target_revision=RevisionCount(revision.arn, requested=service.desired_count),
            source_revisions=tuple(_source(ctx, service, d) for d in service.deployments),
            configuration=service.configuration,
        ),
    )
    deployment = Deployment(
        id=f"ecs-svc/{number}",
        role=DeploymentRole.PRIMARY,
        revision_arn=revision.arn,
        task_definition_arn=definition.arn,
        desired_count=service.desired_count,
        rollout=RolloutState.IN_PROGRESS,
        rollout_reason=f"ECS deployment ecs-svc/{number} in progress.",
        created_at=ctx.now,
        updated_at=ctx.now,
        service_deployment_arn=record.arn,
    )
    older = tuple(replace(d, role=DeploymentRole.ACTIVE) for d in service.deployments)
    service = replace(service, deployments=(deployment, *older), steady=False, stuck_told=False)
    return tx.put(SERVICES, service)


def _source(ctx: Context, service: Service, deployment: Deployment) -> RevisionCount:
    tasks = [t for t in ctx.store.find(TASKS, "service", service.arn) if t.deployment_id == deployment.id]
    running = sum(t.status is TaskStatus.RUNNING and not t.stopping for t in tasks)
    return RevisionCount(deployment.revision_arn, requested=deployment.desired_count, running=running)


@OPERATIONS.operation("UpdateService", refuses=UNSUPPORTED)
def update_service(ctx: Context, request: Request) -> Response:
    """Change a service; what a service revision fixes needs a new deployment."""
    check_placement(request)
    cluster = need_cluster(ctx, request.get("cluster"))
    service = need_service(ctx, cluster, request["service"])
    if service.status is not ServiceStatus.ACTIVE:
        raise ServiceNotActiveException("Service was not ACTIVE.")
    current = ctx.store.get(REVISIONS, service.primary.revision_arn)
    assert current is not None
    changed = apply_update(service, request)
    definition, settings = _next_revision(ctx, request, current)
    if request.get("healthCheckGracePeriodSeconds") and not settings["load_balancers"]:
        raise InvalidParameterException(
            "Health check grace period is only valid for services configured to use load balancers"
        )
    if request.get("enableExecuteCommand") and not definition.body.get("taskRoleArn"):
        raise InvalidParameterException(
            "The service couldn't be updated because a valid taskRoleArn is not being used. Specify a valid task role in "
            "your task definition and try again."
        )
    same = replace(current, task_definition_arn=definition.arn, **settings) == current
    needs = request.get("forceNewDeployment", False) or (
        not same and any(request.get(member) is not None for member in _NEEDS_DEPLOYMENT)
    )
    with ctx.store.transaction() as tx:
        if not needs:
            if not same:  # a new capacity provider strategy alone deploys nothing, and holds for the next tasks
                tx.put(REVISIONS, replace(current, **settings))
            return {"service": show_service(ctx.store, tx.put(SERVICES, changed))}
        if len(service.deployments) >= MOST_DEPLOYMENTS:
            raise InvalidParameterException(
                f"{MOST_DEPLOYMENTS} active deployments exist, unable to create new deployment."
            )
        updated = _deploy(tx, ctx, changed, definition, **settings)
    return {"service": show_service(ctx.store, updated)}


def apply_update(service: Service, request: Mapping[str, Any]) -> Service:
    """The service with what needs no deployment. Pure.

    Raises:
        InvalidParameterException: with ECS's text.
    """
    changed = service
    if request.get("desiredCount") is not None:
        check_percent(request["desiredCount"])
        changed = replace(changed, desired_count=request["desiredCount"])
    if request.get("deploymentConfiguration") is not None:
        configuration = read_configuration(request["deploymentConfiguration"], service.configuration)
        changed = replace(changed, configuration=configuration)
    if request.get("healthCheckGracePeriodSeconds") is not None:
        changed = replace(changed, grace_seconds=request["healthCheckGracePeriodSeconds"], has_grace=True)
    members = {
        "enableExecuteCommand": "enable_execute_command",
        "enableECSManagedTags": "enable_ecs_managed_tags",
        "propagateTags": "propagate_tags",
        "availabilityZoneRebalancing": "availability_zone_rebalancing",
    }
    given = {field: request[member] for member, field in members.items() if request.get(member) is not None}
    return replace(changed, **given)


def _next_revision(
    ctx: Context, request: Mapping[str, Any], current: Revision
) -> tuple[TaskDefinition, dict[str, Any]]:
    """The task definition and the settings of the revision that the update asks for."""
    if request.get("taskDefinition"):
        definition = active_task_definition(ctx, request["taskDefinition"])
        need_fargate(definition)
    else:
        kept = ctx.store.get(TASK_DEFINITIONS, current.task_definition_arn)
        assert kept is not None
        definition = kept
    network: Network = current.network
    if request.get("networkConfiguration"):
        network = read_network(ctx, request["networkConfiguration"], definition)
    balancers = current.load_balancers
    if request.get("loadBalancers") is not None:
        balancers = read_load_balancers(ctx, request["loadBalancers"], definition)
    else:
        shown = [
            {"targetGroupArn": b.target_group_arn, "containerName": b.container, "containerPort": b.container_port}
            for b in balancers
        ]
        balancers = read_load_balancers(ctx, shown, definition)
    strategy, launch_type = current.strategy, current.launch_type
    if request.get("capacityProviderStrategy") is not None:
        strategy = read_strategy(request["capacityProviderStrategy"])
        launch_type = None if strategy else "FARGATE"
    return definition, {
        "launch_type": launch_type,
        "strategy": strategy,
        "platform_version": request.get("platformVersion") or current.platform_version,
        "network": network,
        "load_balancers": balancers,
    }


@OPERATIONS.operation("DeleteService")
def delete_service(ctx: Context, request: Request) -> Response:
    """Begin to delete a service: ACTIVE -> DRAINING -> INACTIVE."""
    cluster = need_cluster(ctx, request.get("cluster"))
    service = need_service(ctx, cluster, request["service"])
    if service.status is not ServiceStatus.ACTIVE:
        raise ServiceNotActiveException("Service was not ACTIVE.")
    if service.desired_count > 0 and not request.get("force"):
        raise InvalidParameterException("The service cannot be stopped while it is scaled above 0.")
    deleted = replace(service, status=ServiceStatus.DRAINING, desired_count=0, deleted_at=ctx.now)
    with ctx.store.transaction() as tx:
        tx.put(SERVICES, deleted)
    return {"service": show_service(ctx.store, deleted)}


@OPERATIONS.operation("DescribeServices")
def describe_services(ctx: Context, request: Request) -> Response:
    """Up to ten services of one cluster, deleted ones too."""
    cluster = need_cluster(ctx, request.get("cluster"))
    references = request["services"]
    if not references:
        raise InvalidParameterException("Services cannot be empty.")
    if len(references) > MOST_DESCRIBED:
        raise InvalidParameterException("Services cannot have more than 10 elements")
    with_tags = "TAGS" in request.get("include", ())
    services, failures = [], []
    for reference in references:
        service = find_service(ctx, cluster, reference)
        if service is None:
            arn = reference if reference.startswith("arn:") else ecs_arn(ctx, f"service/{cluster.name}/{reference}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            services.append(show_service(ctx.store, service, with_tags=with_tags))
    return {"services": services, "failures": failures}


@OPERATIONS.operation("ListServices", refuses=("resourceManagementType=CUSTOMER",))
def list_services(ctx: Context, request: Request) -> Response:
    """ARNs of ACTIVE services of a cluster, ten a page."""
    cluster = need_cluster(ctx, request.get("cluster"))
    wanted = request.get("launchType")
    arns = []
    for service in ctx.store.find(SERVICES, "cluster", cluster.arn):
        if service.status is not ServiceStatus.ACTIVE or request.get("schedulingStrategy", "REPLICA") != "REPLICA":
            continue
        revision = ctx.store.get(REVISIONS, service.primary.revision_arn)
        if wanted is None or (revision is not None and revision.launch_type == wanted):
            arns.append(service.arn)
    shown, token = page("ListServices", arns, request, MOST_DESCRIBED)
    return {"serviceArns": shown} | ({"nextToken": token} if token else {})
