"""Where tasks run: launch types, capacity providers, and the cluster that has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import blocks, object_, service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.lint.document import Node
    from fairway.lint.entity import View
    from fairway.lint.finding import Finding

_GUIDE: Final = "Amazon ECS Developer Guide, "
_CREATE: Final = "Amazon ECS API Reference, CreateService"
_TARGET: Final = {"targetGroupArn": "arn", "containerName": "app", "containerPort": 8000}
_CLUSTER: Final = object_(
    clusterName="prod",
    defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
    settings=[{"name": "containerInsights", "value": "enabled"}],
)


HIDDEN_STRATEGY: Final = Rule(
    "launch-type-hides-strategy",
    Severity.WARNING,
    "A launchType beside the cluster's default strategy",
    "A service with launchType ignores the cluster's defaultCapacityProviderStrategy: all tasks run on FARGATE, FARGATE_SPOT is "
    "never used, and the saving that the strategy promises is not made.",
    "leave launchType out, or write the service's own capacityProviderStrategy",
    _GUIDE + "Amazon ECS clusters for Fargate workloads (capacity providers)",
    blocks(_CLUSTER, service(cluster="prod", desiredCount=2, launchType="FARGATE")),
    blocks(_CLUSTER, service(cluster="prod", desiredCount=2)),
)
BOTH: Final = Rule(
    "launch-type-and-strategy",
    Severity.ERROR,
    "launchType together with capacityProviderStrategy",
    "ECS answers 'Specifying both a launch type and capacity provider strategy is not supported'.",
    "remove one of them",
    _CREATE + " (launchType, capacityProviderStrategy)",
    service(
        desiredCount=1, launchType="FARGATE", capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}]
    ),
    service(desiredCount=1, capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}]),
)
STRATEGY: Final = Rule(
    "capacity-strategy",
    Severity.ERROR,
    "A capacity provider strategy that ECS refuses",
    "One provider at most has a base, one at least has a weight above 0 (the API's default is 0), and Fargate's providers do not "
    "mix with others.",
    "give one provider the base, and each that is to be used a weight",
    "Amazon ECS API Reference, CapacityProviderStrategyItem",
    service(
        desiredCount=1,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "base": 1}, {"capacityProvider": "FARGATE_SPOT"}],
    ),
    service(
        desiredCount=1,
        capacityProviderStrategy=[
            {"capacityProvider": "FARGATE", "base": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 1},
        ],
    ),
)
UNUSED_PROVIDER: Final = Rule(
    "capacity-unused",
    Severity.WARNING,
    "A capacity provider on which nothing is placed",
    "The weight is 0 where the API is not given one (the console fills in 1), and a provider with neither weight nor base gets no "
    "task: FARGATE_SPOT is named, and never used.",
    "give it a weight, or remove it",
    "Amazon ECS API Reference, CapacityProviderStrategyItem",
    service(
        desiredCount=1,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}, {"capacityProvider": "FARGATE_SPOT"}],
    ),
    service(
        desiredCount=1,
        capacityProviderStrategy=[
            {"capacityProvider": "FARGATE", "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 4},
        ],
    ),
)
SPOT_ONLY: Final = Rule(
    "spot-only",
    Severity.WARNING,
    "A service behind a load balancer on Spot alone",
    "Without Spot capacity ECS does not go over to FARGATE: interrupted tasks are not replaced, and the service may be left with "
    "none.",
    "add FARGATE with a base of the tasks that must always run",
    _GUIDE + "Amazon ECS clusters for Fargate workloads (Fargate Spot termination notices)",
    service(
        desiredCount=2,
        loadBalancers=[_TARGET],
        capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
    ),
    service(
        desiredCount=2,
        loadBalancers=[_TARGET],
        capacityProviderStrategy=[
            {"capacityProvider": "FARGATE", "base": 2, "weight": 0},
            {"capacityProvider": "FARGATE_SPOT", "weight": 1},
        ],
    ),
)
INSIGHTS: Final = Rule(
    "insights-off",
    Severity.WARNING,
    "A cluster without Container Insights",
    "Without it there are no numbers of tasks and containers, and none of starts, restarts and deployments.",
    'add {"name": "containerInsights", "value": "enabled"} (or "enhanced") to settings',
    _GUIDE + "Monitor Amazon ECS containers using Container Insights; strategy document, Best Practices",
    object_(clusterName="prod"),
    object_(clusterName="prod", settings=[{"name": "containerInsights", "value": "enhanced"}]),
    practice="DO 5",
)
RULES: Final = (HIDDEN_STRATEGY, BOTH, STRATEGY, UNUSED_PROVIDER, SPOT_ONLY, INSIGHTS)
_FARGATE: Final = {"FARGATE", "FARGATE_SPOT"}


def check(view: View) -> Iterator[Finding]:
    strategies = dict(_default_strategies(view))
    for entity in view.of(Kind.SERVICE):
        yield from _where(strategies, entity.node)
    for entity in view.of(Kind.RUN_TASK):
        yield from _strategy(entity.node)
    for entity in view.of(Kind.CLUSTER):
        yield from _strategy(entity.node, "defaultCapacityProviderStrategy")
        values = {item["name"].text: item["value"].text for item in entity.node["settings"].objects()}
        if values.get("containerInsights") not in {"enabled", "enhanced"} and not entity.is_answer:
            yield entity.node["settings"].find(INSIGHTS, "containerInsights is not enabled")


def _where(strategies: Mapping[str | None, str], node: Node) -> Iterator[Finding]:
    yield from _strategy(node)
    providers = {item["capacityProvider"].text for item in node["capacityProviderStrategy"].objects()}
    if node["loadBalancers"].value and providers == {"FARGATE_SPOT"}:
        yield node["capacityProviderStrategy"].find(SPOT_ONLY, "its tasks run on FARGATE_SPOT alone")
    if node["launchType"].text == "FARGATE" and "capacityProviderStrategy" not in node:
        named = (node["cluster"].literal or "").rpartition("/")[2]
        # a service that names no cluster may be for any of them; one that a script makes may have any name
        cluster = next((name for name in (named, None) if name in strategies), None)
        if not named and strategies:
            cluster = next(iter(strategies))
        if cluster in strategies:
            text = (
                f"the default strategy of cluster {cluster or 'that is made here'} ({strategies[cluster]}) is ignored"
            )
            yield node["launchType"].find(HIDDEN_STRATEGY, f"launchType FARGATE: {text}")


def _default_strategies(view: View) -> Iterator[tuple[str | None, str]]:
    """Clusters with a default strategy of more than FARGATE, in files and in scripts."""
    for entity in view.of(Kind.CLUSTER):
        names = [
            item["capacityProvider"].text or "" for item in entity.node["defaultCapacityProviderStrategy"].objects()
        ]
        if set(names) - {"FARGATE"}:
            yield entity.node["clusterName"].literal, ", ".join(names)
    for script in view.scripts:
        for command in script.called("ecs create-cluster", "ecs put-cluster-capacity-providers"):
            names = re.findall(
                r"capacityProvider=([\w-]+)", command.options.get("--default-capacity-provider-strategy", "")
            )
            if set(names) - {"FARGATE"}:
                name = command.options.get("--cluster-name") or command.options.get("--cluster") or ""
                yield (None if "$" in name or not name else name), ", ".join(names)


def _strategy(node: Node, member: str = "capacityProviderStrategy") -> Iterator[Finding]:
    strategy = node[member]
    items = list(strategy.objects())
    if not items:
        return
    if "launchType" in node:
        yield strategy.find(BOTH, f"{member} and launchType {node['launchType'].text}")
    if sum((item["base"].integer or 0) > 0 for item in items) > 1:
        yield strategy.find(STRATEGY, "more than one capacity provider has a base")
    if len(items) > 1 and not any((item["weight"].integer or 0) > 0 or item["weight"].text for item in items):
        yield strategy.find(STRATEGY, "no capacity provider has a weight above 0")
    elif len(items) > 1:
        lazy = [item for item in items if not item["weight"].value and not item["base"].value]
        for item in lazy:
            yield item.find(
                UNUSED_PROVIDER, f"{item['capacityProvider'].text} has neither weight nor base: nothing is placed there"
            )
    names = {item["capacityProvider"].literal for item in items} - {None}
    if names & _FARGATE and names - _FARGATE:
        yield strategy.find(STRATEGY, "Fargate's capacity providers do not mix with others")
