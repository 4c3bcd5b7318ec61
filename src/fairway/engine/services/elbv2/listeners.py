"""Listeners and their rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.elb import Listener, Rule
from fairway.engine.services.elbv2.configuration import forward_weights
from fairway.engine.services.elbv2.faults import (
    DuplicateListener,
    ListenerNotFound,
    OperationNotPermitted,
    PriorityInUse,
    RuleNotFound,
    TargetGroupAssociationLimit,
    TargetGroupNotFound,
    ValidationError,
    unsupported,
)
from fairway.engine.services.elbv2.load_balancers import need_load_balancer
from fairway.engine.services.elbv2.table import OPERATIONS, page, read_tags, show_attributes
from fairway.engine.store.schema import LISTENERS, RULES, TARGET_GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.engine.services.operation import Context, Request, Response

ADDRESS_TAG: Final = "fairway:address"
"""The tag of a listener that says where it listens on this machine."""
LISTENER_ATTRIBUTES: Final = {"routing.http.response.server.enabled": "true"}
_CONFIGS: Final = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
}
_MOST_VALUES: Final = 5
_MOST_GROUPS: Final = 5
_PRIORITIES: Final = range(1, 50_001)


# -- actions and conditions --------------------------------------------------------------------------------------------


def read_actions(ctx: Context, actions: Sequence[Mapping[str, Any]], balancer_arn: str) -> tuple[dict[str, Any], ...]:
    """Actions as the store keeps them.

    Raises:
        ValidationError: not exactly one routing action, or one that is not supported.
        TargetGroupNotFound: a forward to nowhere.
    """
    if len(actions) != 1:
        raise ValidationError("A rule must have exactly one action of type forward, redirect or fixed-response")
    action = dict(actions[0])
    match action["Type"]:
        case "forward":
            _check_forward(ctx, action, balancer_arn)
        case "fixed-response":
            fixed = action.get("FixedResponseConfig")
            if not fixed:
                raise ValidationError("A fixed-response action must have a FixedResponseConfig")
            if not (fixed["StatusCode"].isdigit() and fixed["StatusCode"][0] in "245"):
                raise ValidationError("The status code of a fixed response must be 2XX, 4XX or 5XX")
        case "redirect":
            if not action.get("RedirectConfig"):
                raise ValidationError("A redirect action must have a RedirectConfig")
        case other:
            raise unsupported(f"Action type {other}")
    return (action,)


def _check_forward(ctx: Context, action: Mapping[str, Any], balancer_arn: str) -> None:
    weights = forward_weights(action)
    if not weights:
        raise ValidationError("A forward action must name at least one target group")
    if len(weights) > _MOST_GROUPS:
        raise ValidationError("A forward action can have at most 5 target groups")
    for arn, weight in weights.items():
        if ctx.store.get(TARGET_GROUPS, arn) is None:
            raise TargetGroupNotFound(f"Target group '{arn}' not found")
        if not 0 <= weight <= 999:  # noqa: PLR2004 - ALB's range
            raise ValidationError("The weight of a target group must be between 0 and 999")
        if any(other != balancer_arn for other in balancers_of(ctx, arn)):
            raise TargetGroupAssociationLimit(
                f"The following target groups cannot be associated with more than one load balancer: {arn}"
            )


def balancers_of(ctx: Context, target_group_arn: str) -> set[str]:
    """The load balancers whose listeners or rules forward to a target group."""
    found = set()
    for listener in ctx.store.all(LISTENERS):
        actions = [*listener.default_actions]
        for rule in ctx.store.find(RULES, "listener", listener.arn):
            actions.extend(rule.actions)
        if any(a["Type"] == "forward" and target_group_arn in forward_weights(a) for a in actions):
            found.add(listener.load_balancer_arn)
    return found


def show_action(action: Mapping[str, Any]) -> dict[str, Any]:
    """An action with the forward written both ways, as ELB does."""
    shown = dict(action)
    if action["Type"] == "forward":
        weights = forward_weights(action)
        shown["ForwardConfig"] = {
            "TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()],
            "TargetGroupStickinessConfig": {"Enabled": False},
        }
        if len(weights) == 1:
            shown["TargetGroupArn"] = next(iter(weights))
    return shown


def read_conditions(conditions: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Conditions as the store keeps them: Field, Values, and Name for headers.

    Raises:
        ValidationError: with ELB's text.
    """
    if not conditions:
        raise ValidationError("A rule must have at least one condition")
    read = [_condition(condition) for condition in conditions]
    if sum(len(condition["Values"]) for condition in read) > _MOST_VALUES:
        raise ValidationError(f"A rule can only have '{_MOST_VALUES}' condition values")
    fields = [c["Field"] for c in read if c["Field"] not in {"http-header", "query-string"}]
    for field in fields:
        if fields.count(field) > 1:
            raise ValidationError(f"A rule can only have one '{field}' condition")
    return tuple(read)


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    field = condition.get("Field") or next((f for f, config in _CONFIGS.items() if config in condition), None)
    if field not in _CONFIGS:
        raise unsupported(f"Condition field {field}")
    config = condition.get(_CONFIGS[field], {})
    values = list(config.get("Values") or condition.get("Values") or ())
    if not values:
        raise ValidationError("A condition value must be specified")
    read: dict[str, Any] = {"Field": field, "Values": values}
    if field == "http-header":
        if not config.get("HttpHeaderName"):
            raise ValidationError("An http-header condition must have an HttpHeaderName")
        read["Name"] = config["HttpHeaderName"]
    return read


def show_condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    field, values = condition["Field"], condition["Values"]
    config: dict[str, Any] = {"Values": values}
    if field == "http-header":
        config["HttpHeaderName"] = condition["Name"]
    plain = values if field in {"path-pattern", "host-header"} else []
    return {"Field": field, "Values": plain, _CONFIGS[field]: config}


# -- listeners ---------------------------------------------------------------------------------------------------------


def need_listener(ctx: Context, arn: str) -> Listener:
    """The listener of an ARN.

    Raises:
        ListenerNotFound: none.
    """
    listener = ctx.store.get(LISTENERS, arn)
    if listener is None:
        raise ListenerNotFound(f"Listener '{arn}' not found")
    return listener


def _show(listener: Listener) -> dict[str, Any]:
    return {
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.load_balancer_arn,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": [show_action(action) for action in listener.default_actions],
    }


@OPERATIONS.operation(
    "CreateListener",
    refuses=(
        "Protocol=HTTP",
        "Certificates",
        "SslPolicy",
        "AlpnPolicy",
        "MutualAuthentication",
        "DefaultActions.ForwardConfig.TargetGroupStickinessConfig.Enabled",
    ),
    ignores=("DefaultActions.Order",),
)
def create_listener(ctx: Context, request: Request) -> Response:
    """Listen on a port; where that is on this machine stands in the tag `fairway:address`."""
    balancer = need_load_balancer(ctx, request["LoadBalancerArn"])
    port = request.get("Port")
    if port is None or not request.get("Protocol"):
        raise ValidationError("A listener must have a protocol and a port")
    actions = read_actions(ctx, request["DefaultActions"], balancer.arn)
    living = next((x for x in ctx.store.find(LISTENERS, "load_balancer", balancer.arn) if x.port == port), None)
    if living is not None:
        if living.default_actions == actions:
            return {"Listeners": [_show(living)]}
        raise DuplicateListener("A listener already exists on this port for this load balancer")
    host_port = ctx.host.choose_listener_port(port)
    path = balancer.arn.split(":loadbalancer/", 1)[1]
    listener = Listener(
        arn=f"arn:aws:elasticloadbalancing:{ctx.region}:{ctx.account}:listener/{path}/{ctx.ids.hexadecimal(16)}",
        load_balancer_arn=balancer.arn,
        port=port,
        protocol="HTTP",
        host_port=host_port,
        default_actions=actions,
        created_at=ctx.now,
        tags={**read_tags(request), ADDRESS_TAG: f"http://127.0.0.1:{host_port}"},
    )
    with ctx.store.transaction() as tx:
        tx.put(LISTENERS, listener)
    return {"Listeners": [_show(listener)]}


@OPERATIONS.operation("DescribeListeners")
def describe_listeners(ctx: Context, request: Request) -> Response:
    """Listeners by ARN, or those of a load balancer."""
    if request.get("ListenerArns"):
        listeners = [need_listener(ctx, arn) for arn in request["ListenerArns"]]
    elif request.get("LoadBalancerArn"):
        balancer = need_load_balancer(ctx, request["LoadBalancerArn"])
        listeners = ctx.store.find(LISTENERS, "load_balancer", balancer.arn)
    else:
        raise ValidationError("You must specify either listener ARNs or a load balancer ARN")
    shown, marker = page(listeners, request)
    return {"Listeners": [_show(listener) for listener in shown]} | marker


@OPERATIONS.operation(
    "ModifyListener",
    refuses=(
        "Protocol=HTTP",
        "Certificates",
        "SslPolicy",
        "AlpnPolicy",
        "MutualAuthentication",
        "DefaultActions.ForwardConfig.TargetGroupStickinessConfig.Enabled",
    ),
    ignores=("DefaultActions.Order",),
)
def modify_listener(ctx: Context, request: Request) -> Response:
    """Change the default action or the port."""
    listener = need_listener(ctx, request["ListenerArn"])
    changed = listener
    if request.get("DefaultActions"):
        actions = read_actions(ctx, request["DefaultActions"], listener.load_balancer_arn)
        changed = replace(changed, default_actions=actions)
    port = request.get("Port")
    if port is not None and port != listener.port:
        if any(x.port == port for x in ctx.store.find(LISTENERS, "load_balancer", listener.load_balancer_arn)):
            raise DuplicateListener("A listener already exists on this port for this load balancer")
        host_port = ctx.host.choose_listener_port(port)
        tags = {**changed.tags, ADDRESS_TAG: f"http://127.0.0.1:{host_port}"}
        changed = replace(changed, port=port, host_port=host_port, tags=tags)
    with ctx.store.transaction() as tx:
        tx.put(LISTENERS, changed)
    return {"Listeners": [_show(changed)]}


@OPERATIONS.operation("DeleteListener")
def delete_listener(ctx: Context, request: Request) -> Response:
    """Stop listening; rules go with their listener."""
    listener = need_listener(ctx, request["ListenerArn"])
    with ctx.store.transaction() as tx:
        for rule in ctx.store.find(RULES, "listener", listener.arn):
            tx.delete(RULES, rule.arn)
        tx.delete(LISTENERS, listener.arn)
    return {}


@OPERATIONS.operation("DescribeListenerAttributes")
def describe_listener_attributes(ctx: Context, request: Request) -> Response:
    """The attributes of a listener."""
    listener = need_listener(ctx, request["ListenerArn"])
    return {"Attributes": show_attributes(LISTENER_ATTRIBUTES, listener.attributes)}


# -- rules -------------------------------------------------------------------------------------------------------------


def _default_rule_arn(listener: Listener) -> str:
    return listener.arn.replace(":listener/", ":listener-rule/") + "/default"


def _show_rule(rule: Rule) -> dict[str, Any]:
    return {
        "RuleArn": rule.arn,
        "Priority": str(rule.priority),
        "Conditions": [show_condition(condition) for condition in rule.conditions],
        "Actions": [show_action(action) for action in rule.actions],
        "IsDefault": False,
    }


def _show_default(listener: Listener) -> dict[str, Any]:
    return {
        "RuleArn": _default_rule_arn(listener),
        "Priority": "default",
        "Conditions": [],
        "Actions": [show_action(action) for action in listener.default_actions],
        "IsDefault": True,
    }


def _need_rule(ctx: Context, arn: str) -> Rule:
    rule = ctx.store.get(RULES, arn)
    if rule is None:
        if arn.endswith("/default"):
            raise OperationNotPermitted(f"Default rule '{arn}' cannot be modified")
        raise RuleNotFound(f"Rule '{arn}' not found")
    return rule


@OPERATIONS.operation(
    "CreateRule",
    refuses=(
        "Conditions.SourceIpConfig",
        "Conditions.RegexValues",
        "Conditions.PathPatternConfig.RegexValues",
        "Conditions.HostHeaderConfig.RegexValues",
        "Conditions.HttpHeaderConfig.RegexValues",
        "Transforms",
        "Actions.ForwardConfig.TargetGroupStickinessConfig.Enabled",
    ),
    ignores=("Actions.Order",),
)
def create_rule(ctx: Context, request: Request) -> Response:
    """Add a rule to a listener."""
    listener = need_listener(ctx, request["ListenerArn"])
    priority = request["Priority"]
    if priority not in _PRIORITIES:
        raise ValidationError("A rule's priority must be between 1 and 50000")
    if any(rule.priority == priority for rule in ctx.store.find(RULES, "listener", listener.arn)):
        raise PriorityInUse(f"Priority '{priority}' is currently in use")
    rule = Rule(
        arn=listener.arn.replace(":listener/", ":listener-rule/") + f"/{ctx.ids.hexadecimal(16)}",
        listener_arn=listener.arn,
        priority=priority,
        conditions=read_conditions(request["Conditions"]),
        actions=read_actions(ctx, request["Actions"], listener.load_balancer_arn),
        tags=read_tags(request),
    )
    with ctx.store.transaction() as tx:
        tx.put(RULES, rule)
    return {"Rules": [_show_rule(rule)]}


@OPERATIONS.operation("DescribeRules")
def describe_rules(ctx: Context, request: Request) -> Response:
    """Rules by ARN, or those of a listener in their order, the default last."""
    if request.get("RuleArns"):
        return {"Rules": [_show_rule(_need_rule(ctx, arn)) for arn in request["RuleArns"]]}
    if not request.get("ListenerArn"):
        raise ValidationError("You must specify either rule ARNs or a listener ARN")
    listener = need_listener(ctx, request["ListenerArn"])
    rules = sorted(ctx.store.find(RULES, "listener", listener.arn), key=lambda rule: rule.priority)
    shown, marker = page([*(_show_rule(rule) for rule in rules), _show_default(listener)], request)
    return {"Rules": list(shown)} | marker


@OPERATIONS.operation(
    "ModifyRule",
    refuses=(
        "Conditions.SourceIpConfig",
        "Conditions.RegexValues",
        "Conditions.PathPatternConfig.RegexValues",
        "Conditions.HostHeaderConfig.RegexValues",
        "Conditions.HttpHeaderConfig.RegexValues",
        "Transforms",
        "Actions.ForwardConfig.TargetGroupStickinessConfig.Enabled",
        "ResetTransforms",
    ),
    ignores=("Actions.Order",),
)
def modify_rule(ctx: Context, request: Request) -> Response:
    """Change conditions or actions."""
    rule = _need_rule(ctx, request["RuleArn"])
    listener = need_listener(ctx, rule.listener_arn)
    changed = rule
    if request.get("Conditions"):
        changed = replace(changed, conditions=read_conditions(request["Conditions"]))
    if request.get("Actions"):
        changed = replace(changed, actions=read_actions(ctx, request["Actions"], listener.load_balancer_arn))
    with ctx.store.transaction() as tx:
        tx.put(RULES, changed)
    return {"Rules": [_show_rule(changed)]}


@OPERATIONS.operation("DeleteRule")
def delete_rule(ctx: Context, request: Request) -> Response:
    """Remove a rule."""
    rule = _need_rule(ctx, request["RuleArn"])
    with ctx.store.transaction() as tx:
        tx.delete(RULES, rule.arn)
    return {}


@OPERATIONS.operation("SetRulePriorities")
def set_rule_priorities(ctx: Context, request: Request) -> Response:
    """Renumber rules of one listener, all at once."""
    if any("RuleArn" not in item or item.get("Priority") not in _PRIORITIES for item in request["RulePriorities"]):
        raise ValidationError("A rule priority must have a rule ARN and a priority between 1 and 50000")
    changed = {
        item["RuleArn"]: replace(_need_rule(ctx, item["RuleArn"]), priority=item["Priority"])
        for item in request["RulePriorities"]
    }
    for listener_arn in {rule.listener_arn for rule in changed.values()}:
        rules = [changed.get(rule.arn, rule) for rule in ctx.store.find(RULES, "listener", listener_arn)]
        priorities = [rule.priority for rule in rules]
        for priority in priorities:
            if priorities.count(priority) > 1:
                raise PriorityInUse(f"Priority '{priority}' is currently in use")
    with ctx.store.transaction() as tx:
        for rule in changed.values():
            tx.put(RULES, rule)
    return {"Rules": [_show_rule(rule) for rule in changed.values()]}
