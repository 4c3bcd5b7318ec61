"""Rules: put, describe, list, enable, disable, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.control.event_pattern import InvalidPattern, parse_pattern
from fairway.engine.control.recurrence import plan_rule
from fairway.engine.control.schedule_expression import Dialect, InvalidExpression, parse_expression
from fairway.engine.model.event import DEFAULT_BUS, DISABLED, EventRule, bus_index, rule_arn
from fairway.engine.services.events.table import (
    OPERATIONS,
    InvalidEventPatternException,
    LimitExceededException,
    ValidationException,
    bus_name,
    find_rule,
    need_rule,
)
from fairway.engine.services.events.tags import read_tags
from fairway.engine.services.pages import page_of
from fairway.engine.store.schema import EVENT_RULES

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response

_MOST_RULES: Final = 300
"""Of a bus. Source: EventBridge User Guide, "Amazon EventBridge quotas"."""
_PAGE: Final = 100
_ENABLED: Final = "ENABLED"


@OPERATIONS.operation("PutRule", ignores=("RoleArn",))
def put_rule(ctx: Context, request: Request) -> Response:
    """Create a rule, or replace what it says; its targets and tags stay."""
    bus, name = bus_name(ctx, request), request["Name"]
    pattern, schedule = request.get("EventPattern") or None, request.get("ScheduleExpression") or None
    _check(bus, pattern, schedule)
    living = find_rule(ctx, bus, name)
    if living is None and len(ctx.store.find(EVENT_RULES, "bus", bus_index(ctx.region, bus))) >= _MOST_RULES:
        raise LimitExceededException("The requested resource exceeds the maximum number allowed.")
    same = living is not None and living.schedule == schedule
    rule = EventRule(
        arn=rule_arn(ctx.region, ctx.account, bus, name),
        name=name,
        region=ctx.region,
        bus=bus,
        anchor_at=living.anchor_at if living is not None and same else ctx.now,
        pattern=pattern,
        schedule=schedule,
        state=request.get("State", _ENABLED),
        description=request.get("Description"),
        role_arn=request.get("RoleArn"),
        created_by=ctx.account,
        targets=() if living is None else living.targets,
        tags=read_tags(request) if living is None else living.tags,
    )
    with ctx.store.transaction() as tx:
        tx.put(EVENT_RULES, plan_rule(rule, ctx.now))
    return {"RuleArn": rule.arn}


def _check(bus: str, pattern: str | None, schedule: str | None) -> None:
    """Source: EventBridge API Reference, PutRule."""
    if pattern is None and schedule is None:
        raise ValidationException("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if schedule is not None:
        if bus != DEFAULT_BUS:
            raise ValidationException("ScheduleExpression is supported only on the default event bus.")
        try:
            parse_expression(schedule, Dialect.RULE)
        except InvalidExpression:
            raise ValidationException("Parameter ScheduleExpression is not valid.") from None
    if pattern is not None:
        try:
            parse_pattern(pattern)
        except InvalidPattern as error:
            raise InvalidEventPatternException(f"Event pattern is not valid. Reason: {error}") from None


def _show(rule: EventRule) -> dict[str, Any]:
    shown = {
        "Name": rule.name,
        "Arn": rule.arn,
        "EventPattern": rule.pattern,
        "ScheduleExpression": rule.schedule,
        "State": rule.state,
        "Description": rule.description,
        "RoleArn": rule.role_arn,
        "EventBusName": rule.bus,
    }
    return {member: value for member, value in shown.items() if value is not None}


@OPERATIONS.operation("DescribeRule")
def describe_rule(ctx: Context, request: Request) -> Response:
    """A rule without its targets."""
    rule = need_rule(ctx, request)
    return _show(rule) | {"CreatedBy": rule.created_by}


@OPERATIONS.operation("ListRules")
def list_rules(ctx: Context, request: Request) -> Response:
    """The rules of a bus by name."""
    found = ctx.store.find(EVENT_RULES, "bus", bus_index(ctx.region, bus_name(ctx, request)))
    passing = sorted(
        (rule for rule in found if rule.name.startswith(request.get("NamePrefix", ""))), key=lambda rule: rule.name
    )
    shown, token = page_of(passing, request.get("NextToken"), request.get("Limit", _PAGE), ValidationException)
    return {"Rules": [_show(rule) for rule in shown]} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("ListRuleNamesByTarget")
def list_rule_names_by_target(ctx: Context, request: Request) -> Response:
    """The names of a bus's rules that have a target."""
    found = ctx.store.find(EVENT_RULES, "bus", bus_index(ctx.region, bus_name(ctx, request)))
    wanted = request["TargetArn"]
    names = sorted(rule.name for rule in found if any(target["Arn"] == wanted for target in rule.targets))
    shown, token = page_of(names, request.get("NextToken"), request.get("Limit", _PAGE), ValidationException)
    return {"RuleNames": list(shown)} | ({"NextToken": token} if token else {})


@OPERATIONS.operation("EnableRule")
def enable_rule(ctx: Context, request: Request) -> Response:
    """Let a rule run again; a rate goes on in its step."""
    return _set_state(ctx, request, _ENABLED)


@OPERATIONS.operation("DisableRule")
def disable_rule(ctx: Context, request: Request) -> Response:
    """Let a rule rest."""
    return _set_state(ctx, request, DISABLED)


def _set_state(ctx: Context, request: Request, state: str) -> Response:
    rule = need_rule(ctx, request)
    if rule.is_enabled != (state != DISABLED):
        with ctx.store.transaction() as tx:
            tx.put(EVENT_RULES, plan_rule(replace(rule, state=state), ctx.now))
    return {}


@OPERATIONS.operation("DeleteRule", ignores=("Force",))
def delete_rule(ctx: Context, request: Request) -> Response:
    """Delete a rule without targets; what is not there is deleted already."""
    rule = find_rule(ctx, bus_name(ctx, request), request["Name"])
    if rule is None:
        return {}
    if rule.targets:
        raise ValidationException("Rule can't be deleted since it has targets.")
    with ctx.store.transaction() as tx:
        tx.delete(EVENT_RULES, rule.arn)
    return {}
