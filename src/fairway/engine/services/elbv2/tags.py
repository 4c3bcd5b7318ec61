"""Tags of load balancers, listeners, rules and target groups, and the account's limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.services.elbv2.faults import (
    ListenerNotFound,
    LoadBalancerNotFound,
    RuleNotFound,
    TargetGroupNotFound,
    ValidationError,
)
from fairway.engine.services.elbv2.table import OPERATIONS, read_tags
from fairway.engine.services.elbv2.target_groups import MOST_TARGET_GROUPS
from fairway.engine.store.schema import LISTENERS, LOAD_BALANCERS, RULES, TARGET_GROUPS

if TYPE_CHECKING:
    from fairway.engine.services.operation import Context, Request, Response

_KINDS: Final[tuple[tuple[str, Any, Any], ...]] = (
    (":loadbalancer/", LOAD_BALANCERS, LoadBalancerNotFound),
    (":listener-rule/", RULES, RuleNotFound),
    (":listener/", LISTENERS, ListenerNotFound),
    (":targetgroup/", TARGET_GROUPS, TargetGroupNotFound),
)


def _find(ctx: Context, arn: str) -> tuple[Any, Any]:
    for part, table, not_found in _KINDS:
        if part in arn:
            entity = ctx.store.get(table, arn)
            if entity is None:
                raise not_found(f"'{arn}' not found")
            return table, entity
    raise ValidationError(f"'{arn}' is not a valid ARN of a load balancer, target group, listener or rule")


@OPERATIONS.operation("AddTags")
def add_tags(ctx: Context, request: Request) -> Response:
    """Add tags, or change their values."""
    found = [_find(ctx, arn) for arn in request["ResourceArns"]]
    with ctx.store.transaction() as tx:
        for table, entity in found:
            tx.put(table, replace(entity, tags={**entity.tags, **read_tags(request)}))
    return {}


@OPERATIONS.operation("RemoveTags")
def remove_tags(ctx: Context, request: Request) -> Response:
    """Remove tags by key."""
    gone = set(request["TagKeys"])
    found = [_find(ctx, arn) for arn in request["ResourceArns"]]
    with ctx.store.transaction() as tx:
        for table, entity in found:
            tx.put(table, replace(entity, tags={k: v for k, v in entity.tags.items() if k not in gone}))
    return {}


@OPERATIONS.operation("DescribeTags")
def describe_tags(ctx: Context, request: Request) -> Response:
    """The tags of up to twenty resources."""
    shown = []
    for arn in request["ResourceArns"]:
        _, entity = _find(ctx, arn)
        tags = [{"Key": key, "Value": value} for key, value in entity.tags.items()]
        shown.append({"ResourceArn": arn, "Tags": tags})
    return {"TagDescriptions": shown}


@OPERATIONS.operation("DescribeAccountLimits")
def describe_account_limits(ctx: Context, request: Request) -> Response:
    """The limits that the engine itself has."""
    del ctx, request
    return {"Limits": [{"Name": "target-groups", "Max": str(MOST_TARGET_GROUPS)}]}
