"""Checks of the cluster, of its capacity providers, and of the services that live in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.checks.finding import Check, Finding, failed, not_checked, ok, warning
from fairway.preconditions import Cluster, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.checks.situation import Part, Situation

CLUSTER: Final = Check(
    "cluster",
    "The cluster is ACTIVE",
    "ECS starts no task in a cluster that is being made or deleted.",
    ("ecs:DescribeClusters",),
    "ECS API Reference, Cluster (status)",
)
CAPACITY_PROVIDERS: Final = Check(
    "capacity-providers",
    "The capacity providers of the strategy are associated with the cluster",
    "A strategy may only name providers that are associated with the cluster; those of Fargate as well.",
    ("ecs:DescribeClusters", "ecs:DescribeCapacityProviders"),
    "ECS API Reference, CapacityProviderStrategyItem",
)
SERVICE_STATE: Final = Check(
    "service-state",
    "The service is ACTIVE, and no deployment of it is under way",
    "A new deployment takes the place of one that goes on, whoever began it; old ones stay until their tasks have drained, "
    "and with five of them ECS takes no sixth.",
    ("ecs:DescribeServices",),
    "ECS API Reference, Service (status, deployments)",
)
FARGATE: Final = frozenset({"FARGATE", "FARGATE_SPOT"})
_ACTIVE: Final = "ACTIVE"
_MOST_DEPLOYMENTS: Final = 5


def cluster(situation: Situation) -> Iterator[Finding]:
    name, found = situation.environment.cluster, situation.facts.cluster
    match found:
        case Unread(reason):
            yield not_checked(CLUSTER, name, reason)
        case None:
            yield failed(
                CLUSTER,
                name,
                f"there is no cluster {name} in {situation.environment.region}",
                "make it, or correct `cluster` of the environment",
            )
        case Cluster(status=status) if status != _ACTIVE:
            yield failed(CLUSTER, name, f"it is {status}", "wait until it is ACTIVE, or make it anew")
        case _:
            yield ok(CLUSTER, name, "ACTIVE")


def capacity_providers(situation: Situation) -> Iterator[Finding]:
    found = situation.facts.cluster
    if found is None:
        return  # the cluster says so
    for part in situation.parts:
        if isinstance(found, Unread):
            yield not_checked(CAPACITY_PROVIDERS, part.key, found.reason)
        else:
            yield _providers_of(part, found, situation)


def _providers_of(part: Part, found: Cluster, situation: Situation) -> Finding:
    strategy = part.settings.get("capacityProviderStrategy") or ()
    kind = part.settings.get("launchType")
    if kind and not strategy:
        return ok(CAPACITY_PROVIDERS, part.key, f"launch type {kind}")
    names = [str(item["capacityProvider"]) for item in strategy or found.default_strategy]
    name = situation.environment.cluster
    if not names:
        if "FARGATE" in (part.definition.get("requiresCompatibilities") or ()):
            return failed(
                CAPACITY_PROVIDERS,
                part.key,
                f"it names neither launchType nor strategy, and {name} has no default strategy: ECS takes EC2, and the "
                "task definition is for Fargate",
                "name launchType or capacityProviderStrategy, or give the cluster a default strategy",
            )
        return ok(CAPACITY_PROVIDERS, part.key, "launch type EC2")
    missing = [one for one in names if one not in found.providers]
    if missing:
        return failed(
            CAPACITY_PROVIDERS,
            part.key,
            f"{', '.join(missing)} of its strategy: not associated with {name}"
            f" ({', '.join(found.providers) or 'no provider'} is)",
            f"aws ecs put-cluster-capacity-providers --cluster {name} --capacity-providers "
            f"{' '.join([*found.providers, *missing])} --default-capacity-provider-strategy …",
        )
    return _status_of(part, [one for one in names if one not in FARGATE], names, situation.facts.providers)


def _status_of(part: Part, own: list[str], names: list[str], providers: Mapping[str, str] | Unread | None) -> Finding:
    """Providers that are not Fargate's have a status of their own."""
    if own and isinstance(providers, Unread):
        return not_checked(CAPACITY_PROVIDERS, part.key, providers.reason)
    known = providers if providers is not None and not isinstance(providers, Unread) else {}
    not_active = [f"{one} ({known.get(one, 'not found')})" for one in own if known.get(one, _ACTIVE) != _ACTIVE]
    if not_active:
        return failed(
            CAPACITY_PROVIDERS,
            part.key,
            f"not ACTIVE: {', '.join(not_active)}",
            "take another provider, or make it anew",
        )
    return ok(CAPACITY_PROVIDERS, part.key, ", ".join(names))


def service_state(situation: Situation) -> Iterator[Finding]:
    for part in situation.parts:
        if not part.is_service:
            continue
        service = part.living
        if service is None:
            yield ok(SERVICE_STATE, part.key, "it is new")
            continue
        active = [item for item in service.rollouts if item.status != "INACTIVE"]
        going = [item for item in active if item.state == "IN_PROGRESS" and item.status == "PRIMARY"]
        if service.status != _ACTIVE:
            yield failed(
                SERVICE_STATE,
                part.key,
                f"it is {service.status}",
                "wait until it is gone, and it is made anew; or give the service another name",
            )
        elif len(active) >= _MOST_DEPLOYMENTS:
            yield failed(
                SERVICE_STATE,
                part.key,
                f"{len(active)} deployments of it are active, and ECS takes no more than {_MOST_DEPLOYMENTS}",
                f"wait until old tasks have drained: fairway watch {part.key}",
            )
        elif going:
            yield warning(
                SERVICE_STATE,
                part.key,
                f"a deployment is under way ({going[0].running} of {going[0].desired} tasks run, "
                f"{going[0].failed} failed): a new one takes its place",
                f"see how it ends first: fairway watch {part.key}",
            )
        else:
            yield ok(SERVICE_STATE, part.key, "no deployment is under way")
