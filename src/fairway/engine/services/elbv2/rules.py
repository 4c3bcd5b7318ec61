"""Rules of listeners."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.elb import Listener, Rule
from fairway.engine.services.elbv2.actions import (
    STICKINESS,
    read_actions,
    read_conditions,
    show_action,
    show_condition,
)
from fairway.engine.services.elbv2.faults import OperationNotPermitted, PriorityInUse, RuleNotFound, ValidationError
from fairway.engine.services.elbv2.listeners import need_listener
from fairway.engine.services.elbv2.table import OPERATIONS, page, read_tags
from fairway.engine.store.schema import RULES

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response

_PRIORITIES: Final = range(1, 50_001)
_REFUSES: Final = (
    "Conditions.SourceIpConfig",
    "Conditions.RegexValues",
    "Conditions.PathPatternConfig.RegexValues",
    "Conditions.HostHeaderConfig.RegexValues",
    "Conditions.HttpHeaderConfig.RegexValues",
    "Transforms",
    f"Actions.{STICKINESS}",
)


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
    refuses=_REFUSES,
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
    refuses=(*_REFUSES, "ResetTransforms"),
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
