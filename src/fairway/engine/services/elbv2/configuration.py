"""What the data plane is to do, drawn from load balancers, listeners, rules, target groups and targets. Pure.

Fail-open, as ALB does it: when no target of a group is healthy, all that are registered get requests
(Application Load Balancer guide, "Health checks for target groups").
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.loadbalancer.protocol import (
    Configuration,
    Endpoint,
    EndpointState,
    FixedResponse,
    Forward,
    ListenerSpec,
    Match,
    Pool,
    Redirect,
    Route,
)
from fairway.engine.model.elb import TargetState
from fairway.engine.store.schema import LISTENERS, RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fairway.engine.model.elb import Listener, LoadBalancer, Rule, Target, TargetGroup
    from fairway.engine.store.store import Store

IDLE_TIMEOUT: Final = "idle_timeout.timeout_seconds"
ALGORITHM: Final = "load_balancing.algorithm.type"
SLOW_START: Final = "slow_start.duration_seconds"
_IN_SERVICE: Final = frozenset({TargetState.HEALTHY, TargetState.UNAVAILABLE})
_REGISTERED: Final = frozenset({TargetState.INITIAL, TargetState.UNHEALTHY})


def pool_key(target_group_arn: str) -> str:
    """The name of a target group in the data plane: its own name and what tells it from its namesakes."""
    name = target_group_arn.split("/")[1]
    return f"{name}-{sha256(target_group_arn.encode()).hexdigest()[:8]}"


def listener_key(listener_arn: str) -> str:
    """The name of a listener in the data plane."""
    return sha256(listener_arn.encode()).hexdigest()[:12]


def render(
    load_balancers: Iterable[LoadBalancer],
    listeners: Iterable[Listener],
    rules: Iterable[Rule],
    target_groups: Iterable[TargetGroup],
    targets: Iterable[Target],
    rate: float,
) -> Configuration:
    """The whole configuration; target groups that no listener uses are left out."""
    idle = {b.arn: float(b.attributes.get(IDLE_TIMEOUT, 60)) for b in load_balancers}
    by_listener: dict[str, list[Rule]] = {}
    for rule in rules:
        by_listener.setdefault(rule.listener_arn, []).append(rule)
    listeners = tuple(listeners)
    ports = {(x.load_balancer_arn, str(x.port)): str(x.host_port) for x in listeners}
    specs = tuple(
        _listener(listener, by_listener.get(listener.arn, ()), idle.get(listener.load_balancer_arn, 60.0), ports)
        for listener in listeners
    )
    used = {
        key
        for spec in specs
        for route in spec.routes
        if isinstance(route.action, Forward)
        for key, _ in route.action.weights
    }
    by_group: dict[str, list[Target]] = {}
    for target in targets:
        by_group.setdefault(target.target_group_arn, []).append(target)
    pools = tuple(
        _pool(group, by_group.get(group.arn, ()), rate) for group in target_groups if pool_key(group.arn) in used
    )
    return Configuration(specs, pools)


def _pool(group: TargetGroup, targets: Sequence[Target], rate: float) -> Pool:
    real = [target for target in targets if target.host]
    serving = [t for t in real if t.state in _IN_SERVICE] or [t for t in real if t.state in _REGISTERED]
    endpoints = {Endpoint(t.host, t.host_port): EndpointState.DRAINING for t in real if t.state is TargetState.DRAINING}
    endpoints |= {Endpoint(t.host, t.host_port): EndpointState.ACTIVE for t in serving}
    return Pool(
        key=pool_key(group.arn),
        endpoints=endpoints,
        algorithm=group.attributes.get(ALGORITHM, "round_robin"),
        slow_start_seconds=float(group.attributes.get(SLOW_START, 0)) / rate,
    )


def _listener(
    listener: Listener, rules: Sequence[Rule], idle_timeout: float, ports: Mapping[tuple[str, str], str]
) -> ListenerSpec:
    def here(port: str) -> str:
        """A redirect to another listener of the same load balancer goes to where that one listens on this machine."""
        return ports.get((listener.load_balancer_arn, port), port)

    routes = [
        Route(_match(rule.conditions), _action(rule.actions, here))
        for rule in sorted(rules, key=lambda rule: rule.priority)
    ]
    routes.append(Route(Match(), _action(listener.default_actions, here)))
    return ListenerSpec(
        key=listener_key(listener.arn),
        port=listener.host_port,
        routes=tuple(routes),
        idle_timeout_seconds=idle_timeout,
    )


def _match(conditions: Sequence[Mapping[str, Any]]) -> Match:
    fields: dict[str, Any] = {"paths": (), "hosts": (), "methods": (), "headers": [], "queries": []}
    for condition in conditions:
        match condition["Field"]:
            case "path-pattern":
                fields["paths"] = tuple(condition["Values"])
            case "host-header":
                fields["hosts"] = tuple(condition["Values"])
            case "http-request-method":
                fields["methods"] = tuple(condition["Values"])
            case "http-header":
                fields["headers"].append((condition["Name"], tuple(condition["Values"])))
            case "query-string":
                fields["queries"].append(tuple((pair.get("Key"), pair["Value"]) for pair in condition["Values"]))
    fields["headers"], fields["queries"] = tuple(fields["headers"]), tuple(fields["queries"])
    return Match(**fields)


def _action(actions: Sequence[Mapping[str, Any]], here: Callable[[str], str]) -> Forward | FixedResponse | Redirect:
    action = actions[-1]
    match action["Type"]:
        case "forward":
            return Forward(tuple((pool_key(arn), weight) for arn, weight in forward_weights(action).items()))
        case "fixed-response":
            fixed = action["FixedResponseConfig"]
            return FixedResponse(
                int(fixed["StatusCode"]), fixed.get("ContentType", "text/plain"), fixed.get("MessageBody", "")
            )
        case _:
            redirect = action["RedirectConfig"]
            return Redirect(
                status_code=int(redirect["StatusCode"].removeprefix("HTTP_")),
                protocol=redirect.get("Protocol", "#{protocol}"),
                host=redirect.get("Host", "#{host}"),
                port=here(redirect.get("Port", "#{port}")),
                path=redirect.get("Path", "/#{path}"),
                query=redirect.get("Query", "#{query}"),
            )


def forward_weights(action: Mapping[str, Any]) -> dict[str, int]:
    """Target group ARN -> weight of a forward action; a single group without a weight has 1."""
    groups = action.get("ForwardConfig", {}).get("TargetGroups", ())
    if groups:
        return {group["TargetGroupArn"]: group.get("Weight", 1) for group in groups}
    return {action["TargetGroupArn"]: 1} if "TargetGroupArn" in action else {}


def used_target_groups(store: Store) -> frozenset[str]:
    """The target groups that a listener or a rule sends traffic to, whatever the weight."""
    actions = [a for listener in store.all(LISTENERS) for a in listener.default_actions]
    actions += [a for rule in store.all(RULES) for a in rule.actions]
    return frozenset(arn for action in actions if action["Type"] == "forward" for arn in forward_weights(action))
