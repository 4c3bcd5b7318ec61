"""Which load balancer stands before a target group: what CloudWatch's dimensions are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.aws.calls import batches, calling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.aws.session import Aws

_GROUPS_AT_ONCE: Final = 20
_HTTP: Final = frozenset({"HTTP", "HTTPS"})


@dataclass(frozen=True, slots=True)
class BalancedGroup:
    """A target group behind an application load balancer, by the names that CloudWatch gives them."""

    target_group: str
    """`targetgroup/NAME/ID`."""
    load_balancer: str
    """`app/NAME/ID`."""
    is_alone: bool
    """No other target group is behind that load balancer: what it answers by itself is about this one."""


def balanced_groups(aws: Aws, target_groups: Sequence[str]) -> dict[str, BalancedGroup]:
    """By the ARN of each target group that an application load balancer forwards to; others have no such metrics."""
    described: list[Any] = []
    for some in batches(sorted(set(target_groups)), _GROUPS_AT_ONCE):
        with calling("describing target groups"):
            described += aws.elbv2.describe_target_groups(TargetGroupArns=list(some))["TargetGroups"]
    behind: dict[str, int] = {}
    found = {}
    for group in described:
        balancers = group.get("LoadBalancerArns", ())
        if group.get("Protocol") not in _HTTP or not balancers:
            continue
        balancer = balancers[0]
        if balancer not in behind:
            with calling("describing the target groups of a load balancer"):
                pages = aws.elbv2.get_paginator("describe_target_groups").paginate(LoadBalancerArn=balancer)
                behind[balancer] = sum(len(page["TargetGroups"]) for page in pages)
        arn = group["TargetGroupArn"]
        found[arn] = BalancedGroup(target_dimension(arn), balancer_dimension(balancer), behind[balancer] == 1)
    return found


def target_dimension(arn: str) -> str:
    """`arn:aws:elasticloadbalancing:…:targetgroup/api/0123` -> `targetgroup/api/0123`."""
    return arn.rsplit(":", 1)[-1]


def balancer_dimension(arn: str) -> str:
    """`arn:aws:elasticloadbalancing:…:loadbalancer/app/shop/0123` -> `app/shop/0123`."""
    return arn.rsplit(":", 1)[-1].removeprefix("loadbalancer/")
