"""Clusters and their capacity providers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.cluster import Cluster, StrategyItem
from fairway.engine.model.service import ServiceStatus
from fairway.engine.model.task import TaskStatus
from fairway.engine.services.ecs.faults import (
    ClusterContainsServicesException,
    ClusterContainsTasksException,
    InvalidParameterException,
)
from fairway.engine.services.ecs.names import (
    DEFAULT_CLUSTER,
    ecs_arn,
    find_cluster,
    need_cluster,
    page,
    read_tags,
    show_tags,
)
from fairway.engine.services.ecs.table import OPERATIONS
from fairway.engine.store.schema import CLUSTERS, SERVICES, TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.engine.services.operation import Context, Request, Response

FARGATE_PROVIDERS: Final = ("FARGATE", "FARGATE_SPOT")


def read_strategy(items: Sequence[Mapping[str, Any]]) -> tuple[StrategyItem, ...]:
    """A capacity provider strategy, after AWS's rules.

    Raises:
        InvalidParameterException: two bases, only zero weights, an unknown provider.
    """
    strategy = tuple(StrategyItem(i["capacityProvider"], i.get("weight", 0), i.get("base", 0)) for i in items)
    for item in strategy:
        if item.capacity_provider not in FARGATE_PROVIDERS:
            raise InvalidParameterException(
                "The specified capacity provider was not found. Specify a valid name or ARN and try again."
            )
    if sum(item.base > 0 for item in strategy) > 1:
        raise InvalidParameterException(
            "There are multiple capacity providers in the specified capacity provider strategy with a base value defined"
        )
    if strategy and not any(item.weight > 0 for item in strategy) and len(strategy) > 1:
        raise InvalidParameterException(
            "There are no capacity providers in the capacity provider strategy with a weight value greater than zero"
        )
    return strategy


def show_strategy(strategy: Sequence[StrategyItem]) -> list[dict[str, Any]]:
    return [{"capacityProvider": i.capacity_provider, "weight": i.weight, "base": i.base} for i in strategy]


def show_cluster(ctx: Context, cluster: Cluster, include: Sequence[str] = ()) -> dict[str, Any]:
    """A cluster as the API shows it; settings, configuration, statistics and tags when they are asked for."""
    tasks = ctx.store.find(TASKS, "cluster", cluster.arn)
    running = sum(t.status is TaskStatus.RUNNING for t in tasks)
    pending = sum(t.status in {TaskStatus.PROVISIONING, TaskStatus.PENDING, TaskStatus.ACTIVATING} for t in tasks)
    services = [s for s in ctx.store.find(SERVICES, "cluster", cluster.arn) if s.status is not ServiceStatus.INACTIVE]
    shown: dict[str, Any] = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": len(services),
        "statistics": [],
        "tags": [],
        "settings": [],
        "capacityProviders": list(cluster.capacity_providers),
        "defaultCapacityProviderStrategy": show_strategy(cluster.default_strategy),
    }
    if "SETTINGS" in include:
        shown["settings"] = [{"name": name, "value": value} for name, value in cluster.settings.items()]
    if "CONFIGURATIONS" in include and cluster.configuration:
        shown["configuration"] = dict(cluster.configuration)
    if "TAGS" in include:
        shown["tags"] = show_tags(cluster.tags)
    if "ATTACHMENTS" in include:
        shown["attachments"] = []
    if "STATISTICS" in include:
        counts = {"runningFargateTasksCount": running, "pendingFargateTasksCount": pending}
        counts |= {"activeFargateServiceCount": len(services), "runningEC2TasksCount": 0, "pendingEC2TasksCount": 0}
        shown["statistics"] = [{"name": name, "value": str(value)} for name, value in counts.items()]
    return shown


_ALL: Final = ("SETTINGS", "CONFIGURATIONS", "TAGS")


def _settings(request: Request) -> dict[str, str]:
    settings = {item.get("name", ""): item.get("value", "") for item in request.get("settings", ())}
    for value in settings.values():
        if value not in {"enabled", "disabled", "enhanced"}:
            raise InvalidParameterException("Invalid cluster setting value: " + value)
    return settings


@OPERATIONS.operation(
    "CreateCluster",
    refuses=("serviceConnectDefaults",),
    ignores=("configuration.managedStorageConfiguration", "configuration.executeCommandConfiguration"),
)
def create_cluster(ctx: Context, request: Request) -> Response:
    """Create a cluster; one that exists is answered as it is, as ECS does."""
    name = request.get("clusterName", DEFAULT_CLUSTER)
    living = find_cluster(ctx, name)
    if living is not None and living.status == "ACTIVE":
        return {"cluster": show_cluster(ctx, living, _ALL)}
    providers = tuple(request.get("capacityProviders", ()))
    strategy = read_strategy(request.get("defaultCapacityProviderStrategy", ()))
    _check_providers(providers, strategy)
    cluster = Cluster(
        arn=ecs_arn(ctx, f"cluster/{name}"),
        name=name,
        region=ctx.region,
        status="ACTIVE",
        settings={"containerInsights": "disabled"} | _settings(request),
        configuration=request.get("configuration", {}),
        capacity_providers=providers,
        default_strategy=strategy,
        tags=read_tags(request),
    )
    with ctx.store.transaction() as tx:
        tx.put(CLUSTERS, cluster)
    return {"cluster": show_cluster(ctx, cluster, _ALL)}


def _check_providers(providers: Sequence[str], strategy: Sequence[StrategyItem]) -> None:
    for provider in providers:
        if provider not in FARGATE_PROVIDERS:
            raise InvalidParameterException(
                "The specified capacity provider was not found. Specify a valid name or ARN and try again."
            )
    for item in strategy:
        if item.capacity_provider not in providers:
            raise InvalidParameterException(
                f"The capacity provider {item.capacity_provider} of the default strategy is not associated with the cluster."
            )


@OPERATIONS.operation(
    "UpdateCluster",
    refuses=("serviceConnectDefaults",),
    ignores=("configuration.managedStorageConfiguration", "configuration.executeCommandConfiguration"),
)
def update_cluster(ctx: Context, request: Request) -> Response:
    """Change settings and configuration."""
    cluster = need_cluster(ctx, request["cluster"])
    changed = replace(cluster, settings={**cluster.settings, **_settings(request)})
    if "configuration" in request:
        changed = replace(changed, configuration=request["configuration"])
    with ctx.store.transaction() as tx:
        tx.put(CLUSTERS, changed)
    return {"cluster": show_cluster(ctx, changed, _ALL)}


@OPERATIONS.operation("UpdateClusterSettings")
def update_cluster_settings(ctx: Context, request: Request) -> Response:
    """Change settings."""
    return update_cluster(ctx, request)


@OPERATIONS.operation("PutClusterCapacityProviders")
def put_cluster_capacity_providers(ctx: Context, request: Request) -> Response:
    """Replace the capacity providers and the default strategy."""
    cluster = need_cluster(ctx, request["cluster"])
    providers = tuple(request["capacityProviders"])
    strategy = read_strategy(request["defaultCapacityProviderStrategy"])
    _check_providers(providers, strategy)
    changed = replace(cluster, capacity_providers=providers, default_strategy=strategy)
    with ctx.store.transaction() as tx:
        tx.put(CLUSTERS, changed)
    return {"cluster": show_cluster(ctx, changed, _ALL)}


@OPERATIONS.operation("DeleteCluster")
def delete_cluster(ctx: Context, request: Request) -> Response:
    """Delete an empty cluster; it stays describable as INACTIVE."""
    cluster = need_cluster(ctx, request["cluster"])
    if any(s.status is not ServiceStatus.INACTIVE for s in ctx.store.find(SERVICES, "cluster", cluster.arn)):
        raise ClusterContainsServicesException("The Cluster cannot be deleted while Services are active.")
    if any(t.status is not TaskStatus.STOPPED for t in ctx.store.find(TASKS, "cluster", cluster.arn)):
        raise ClusterContainsTasksException("The Cluster cannot be deleted while Tasks are active.")
    changed = replace(cluster, status="INACTIVE")
    with ctx.store.transaction() as tx:
        tx.put(CLUSTERS, changed)
    return {"cluster": show_cluster(ctx, changed, _ALL)}


@OPERATIONS.operation("DescribeClusters")
def describe_clusters(ctx: Context, request: Request) -> Response:
    """Clusters by name or ARN; `default` without any."""
    clusters, failures = [], []
    for reference in request.get("clusters") or [DEFAULT_CLUSTER]:
        cluster = find_cluster(ctx, reference)
        if cluster is None:
            arn = reference if reference.startswith("arn:") else ecs_arn(ctx, f"cluster/{reference}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            clusters.append(show_cluster(ctx, cluster, request.get("include", ())))
    return {"clusters": clusters, "failures": failures}


@OPERATIONS.operation("ListClusters")
def list_clusters(ctx: Context, request: Request) -> Response:
    """ARNs of living clusters."""
    arns = [c.arn for c in ctx.store.find(CLUSTERS, "region", ctx.region) if c.status == "ACTIVE"]
    shown, token = page("ListClusters", arns, request, 100)
    return {"clusterArns": shown} | ({"nextToken": token} if token else {})


@OPERATIONS.operation("DescribeCapacityProviders")
def describe_capacity_providers(ctx: Context, request: Request) -> Response:
    """The two Fargate providers."""
    wanted = request.get("capacityProviders") or list(FARGATE_PROVIDERS)
    found: list[dict[str, Any]] = [
        {"capacityProviderArn": ecs_arn(ctx, f"capacity-provider/{name}"), "name": name, "status": "ACTIVE", "tags": []}
        for name in FARGATE_PROVIDERS
        if name in wanted or ecs_arn(ctx, f"capacity-provider/{name}") in wanted
    ]
    known = {item["name"] for item in found} | {item["capacityProviderArn"] for item in found}
    failures = [{"arn": name, "reason": "MISSING"} for name in wanted if name not in known]
    return {"capacityProviders": found, "failures": failures}
