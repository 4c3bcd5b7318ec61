"""What listeners and rules do with requests, and of which requests a rule is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.engine.services.elbv2.configuration import forward_weights
from fairway.engine.services.elbv2.faults import (
    TargetGroupAssociationLimit,
    TargetGroupNotFound,
    ValidationError,
    unsupported,
)
from fairway.engine.store.schema import LISTENERS, RULES, TARGET_GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fairway.engine.services.operation import Context

STICKINESS: Final = "ForwardConfig.TargetGroupStickinessConfig.Enabled"
"""Of an action: it is not supported."""
_CONFIGS: Final = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
}
_MOST_VALUES: Final = 5
_MOST_GROUPS: Final = 5


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
