"""Target groups, their targets and the targets' health."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.control.target_health import DEFAULT_DELAY_SECONDS, drain, new_target
from fairway.engine.model.elb import HealthCheck, TargetGroup, TargetState, target_row_key
from fairway.engine.services.elbv2.actions import balancers_of
from fairway.engine.services.elbv2.configuration import used_target_groups
from fairway.engine.services.elbv2.faults import (
    DuplicateTargetGroupName,
    InvalidTarget,
    ResourceInUse,
    TargetGroupNotFound,
    TooManyTargetGroups,
    ValidationError,
    unsupported,
)
from fairway.engine.services.elbv2.table import OPERATIONS, page, read_attributes, read_tags, show_attributes
from fairway.engine.services.network import VPC_ID
from fairway.engine.store.schema import TARGET_GROUPS, TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairway.engine.model.elb import Target
    from fairway.engine.services.operation import Context, Request, Response

MOST_TARGET_GROUPS: Final = 100
"""The data plane's limit: each is a watched file. ALB's own quota is 100 for a load balancer."""
ATTRIBUTES: Final = {
    "deregistration_delay.timeout_seconds": str(DEFAULT_DELAY_SECONDS),
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "slow_start.duration_seconds": "0",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
_ALGORITHMS: Final = frozenset({"round_robin", "least_outstanding_requests"})
_MATCHER: Final = re.compile(r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*")
_RANGES: Final = {
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}


def need_target_group(ctx: Context, arn: str) -> TargetGroup:
    """The target group of an ARN.

    Raises:
        TargetGroupNotFound: none.
    """
    group = ctx.store.get(TARGET_GROUPS, arn)
    if group is None:
        raise TargetGroupNotFound(f"Target group '{arn}' not found")
    return group


def read_health_check(request: Mapping[str, Any], before: HealthCheck) -> HealthCheck:
    """The health check settings; what is left out stays.

    Raises:
        ValidationError: out of ELB's ranges, or the time-out is not shorter than the interval.
    """
    for member, (lowest, highest) in _RANGES.items():
        value = request.get(member)
        if value is not None and not lowest <= value <= highest:
            name = member.removeprefix("HealthCheck")
            raise ValidationError(f"Health check {name} '{value}' must be between {lowest} and {highest}")
    protocol = request.get("HealthCheckProtocol", before.protocol)
    matcher = request.get("Matcher", {}).get("HttpCode", before.matcher)
    if not _MATCHER.fullmatch(matcher):
        raise ValidationError(f"Health check matcher HTTP code '{matcher}' must be within '200-499' inclusive")
    check = HealthCheck(
        enabled=request.get("HealthCheckEnabled", before.enabled),
        protocol=protocol,
        port=request.get("HealthCheckPort", before.port),
        path=request.get("HealthCheckPath", before.path),
        interval_seconds=request.get("HealthCheckIntervalSeconds", before.interval_seconds),
        timeout_seconds=request.get("HealthCheckTimeoutSeconds", before.timeout_seconds),
        healthy_threshold=request.get("HealthyThresholdCount", before.healthy_threshold),
        unhealthy_threshold=request.get("UnhealthyThresholdCount", before.unhealthy_threshold),
        matcher=matcher,
    )
    if check.timeout_seconds >= check.interval_seconds:
        raise ValidationError("Health check timeout must be smaller than the interval")
    if not check.path.startswith("/"):
        raise ValidationError(f"Health check path '{check.path}' must begin with a '/' character")
    return check


def _show(ctx: Context, group: TargetGroup) -> dict[str, Any]:
    check = group.health_check
    return {
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "Port": group.port,
        "VpcId": group.vpc_id,
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckEnabled": check.enabled,
        "HealthCheckIntervalSeconds": check.interval_seconds,
        "HealthCheckTimeoutSeconds": check.timeout_seconds,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
        "HealthCheckPath": check.path,
        "Matcher": {"HttpCode": check.matcher},
        "LoadBalancerArns": sorted(balancers_of(ctx, group.arn)),
        "TargetType": group.target_type,
        "ProtocolVersion": group.protocol_version,
        "IpAddressType": group.ip_address_type,
    }


@OPERATIONS.operation(
    "CreateTargetGroup",
    refuses=(
        "Protocol=HTTP",
        "ProtocolVersion=HTTP1",
        "HealthCheckProtocol=HTTP",
        "IpAddressType=ipv4",
        "Matcher.GrpcCode",
        "TargetControlPort",
    ),
)
def create_target_group(ctx: Context, request: Request) -> Response:
    """Create a target group; the same name with the same settings is answered alike."""
    name, kind = request["Name"], request.get("TargetType", "instance")
    if kind in {"lambda", "alb"}:
        raise unsupported(f"TargetType {kind}")
    if not request.get("Protocol") or request.get("Port") is None:
        raise ValidationError(f"A target group of type '{kind}' must have a protocol and a port")
    if len(name) > 32 or not name.replace("-", "").isalnum() or name.startswith("-") or name.endswith("-"):  # noqa: PLR2004 - AWS's limit
        raise ValidationError(
            f"Target group name '{name}' can have at most 32 letters, digits and hyphens, and not begin or end with a hyphen"
        )
    check = read_health_check(request, HealthCheck())
    groups = ctx.store.find(TARGET_GROUPS, "region", ctx.region)
    living = next((group for group in groups if group.name == name), None)
    if living is not None:
        if (living.port, living.target_type, living.health_check) != (request["Port"], kind, check):
            raise DuplicateTargetGroupName(
                f"A target group with the same name '{name}' exists, but with different settings"
            )
        return {"TargetGroups": [_show(ctx, living)]}
    if ctx.store.count(TARGET_GROUPS) >= MOST_TARGET_GROUPS:
        raise TooManyTargetGroups(f"This engine's load balancer carries at most {MOST_TARGET_GROUPS} target groups.")
    group = TargetGroup(
        arn=f"arn:aws:elasticloadbalancing:{ctx.region}:{ctx.account}:targetgroup/{name}/{ctx.ids.hexadecimal(16)}",
        name=name,
        region=ctx.region,
        protocol="HTTP",
        port=request["Port"],
        vpc_id=request.get("VpcId", VPC_ID),
        target_type=kind,
        health_check=check,
        created_at=ctx.now,
        tags=read_tags(request),
    )
    with ctx.store.transaction() as tx:
        tx.put(TARGET_GROUPS, group)
    return {"TargetGroups": [_show(ctx, group)]}


@OPERATIONS.operation("DescribeTargetGroups")
def describe_target_groups(ctx: Context, request: Request) -> Response:
    """Target groups by ARN, name or load balancer, or all."""
    groups = ctx.store.find(TARGET_GROUPS, "region", ctx.region)
    if request.get("TargetGroupArns"):
        wanted = request["TargetGroupArns"]
        if any(ctx.store.get(TARGET_GROUPS, arn) is None for arn in wanted):
            raise TargetGroupNotFound("One or more target groups not found")
        groups = [need_target_group(ctx, arn) for arn in wanted]
    if request.get("Names"):
        by_name = {group.name: group for group in groups}
        if any(name not in by_name for name in request["Names"]):
            raise TargetGroupNotFound("One or more target groups not found")
        groups = [by_name[name] for name in request["Names"]]
    if request.get("LoadBalancerArn"):
        groups = [group for group in groups if request["LoadBalancerArn"] in balancers_of(ctx, group.arn)]
    shown, marker = page(groups, request)
    return {"TargetGroups": [_show(ctx, group) for group in shown]} | marker


@OPERATIONS.operation("ModifyTargetGroup", refuses=("HealthCheckProtocol=HTTP", "Matcher.GrpcCode"))
def modify_target_group(ctx: Context, request: Request) -> Response:
    """Change the health check."""
    group = need_target_group(ctx, request["TargetGroupArn"])
    changed = replace(group, health_check=read_health_check(request, group.health_check))
    with ctx.store.transaction() as tx:
        tx.put(TARGET_GROUPS, changed)
    return {"TargetGroups": [_show(ctx, changed)]}


@OPERATIONS.operation("DeleteTargetGroup")
def delete_target_group(ctx: Context, request: Request) -> Response:
    """Delete a target group that nothing uses; one that does not exist is no error."""
    group = ctx.store.get(TARGET_GROUPS, request["TargetGroupArn"])
    if group is None:
        return {}
    if group.arn in used_target_groups(ctx.store):
        raise ResourceInUse(f"Target group '{group.arn}' is currently in use by a listener or a rule")
    with ctx.store.transaction() as tx:
        for target in ctx.store.find(TARGETS, "target_group", group.arn):
            tx.delete(TARGETS, target_row_key(target))
        tx.delete(TARGET_GROUPS, group.arn)
    return {}


@OPERATIONS.operation("DescribeTargetGroupAttributes")
def describe_target_group_attributes(ctx: Context, request: Request) -> Response:
    """All attributes, the defaults where nobody set any."""
    group = need_target_group(ctx, request["TargetGroupArn"])
    return {"Attributes": show_attributes(ATTRIBUTES, group.attributes)}


@OPERATIONS.operation("ModifyTargetGroupAttributes")
def modify_target_group_attributes(ctx: Context, request: Request) -> Response:
    """Set attributes."""
    group = need_target_group(ctx, request["TargetGroupArn"])
    given = read_attributes(request, ATTRIBUTES, of="Target group")
    if given.get("stickiness.enabled") == "true":
        raise unsupported("stickiness.enabled true")
    if given.get("load_balancing.algorithm.type", "round_robin") not in _ALGORITHMS:
        raise unsupported(f"load_balancing.algorithm.type {given['load_balancing.algorithm.type']}")
    delay = given.get("deregistration_delay.timeout_seconds", "300")
    if not delay.isdigit() or not 0 <= int(delay) <= 3600:  # noqa: PLR2004 - ALB's range
        raise ValidationError("'deregistration_delay.timeout_seconds' must be between 0 and 3600")
    slow = given.get("slow_start.duration_seconds", "0")
    if not slow.isdigit() or not (int(slow) == 0 or 30 <= int(slow) <= 900):  # noqa: PLR2004 - ALB's range
        raise ValidationError("'slow_start.duration_seconds' must be 0, or between 30 and 900")
    changed = replace(group, attributes={**group.attributes, **given})
    with ctx.store.transaction() as tx:
        tx.put(TARGET_GROUPS, changed)
    return {"Attributes": show_attributes(ATTRIBUTES, changed.attributes)}


# -- targets -----------------------------------------------------------------------------------------------------------


def _address(identifier: str) -> str:
    try:
        address = IPv4Address(identifier)
    except AddressValueError:
        raise ValidationError(f"The IP address '{identifier}' is not a valid IPv4 address") from None
    if not address.is_loopback:
        raise InvalidTarget(
            f"The target {identifier} is not on this machine: this engine registers addresses of 127.0.0.0/8 by hand, "
            "and tasks by their ECS service"
        )
    return str(address)


@OPERATIONS.operation("RegisterTargets", refuses=("Targets.QuicServerId",), ignores=("Targets.AvailabilityZone",))
def register_targets(ctx: Context, request: Request) -> Response:
    """Register real targets of this machine by their address; one that drains comes back."""
    group = need_target_group(ctx, request["TargetGroupArn"])
    if group.target_type != "ip":
        raise InvalidTarget("This engine has no instances: register addresses, in a target group of type ip")
    with ctx.store.transaction() as tx:
        for item in request["Targets"]:
            address, port = _address(item["Id"]), item.get("Port", group.port)
            living = ctx.store.get(TARGETS, f"{group.arn}|{address}:{port}")
            if living is not None and living.state is not TargetState.DRAINING:
                continue
            target = new_target(
                group,
                target_id=address,
                port=port,
                host=address,
                host_port=port,
                zone=None,
                task_arn=None,
                now=ctx.now,
            )
            tx.put(TARGETS, target)
    return {}


@OPERATIONS.operation("DeregisterTargets", refuses=("Targets.QuicServerId",))
def deregister_targets(ctx: Context, request: Request) -> Response:
    """Let targets drain; unknown ones are no error."""
    group = need_target_group(ctx, request["TargetGroupArn"])
    with ctx.store.transaction() as tx:
        for item in request["Targets"]:
            for target in ctx.store.find(TARGETS, "target_group", group.arn):
                if target.id == item["Id"] and item.get("Port") in {None, target.port}:
                    tx.put(TARGETS, drain(target, ctx.now))
    return {}


@OPERATIONS.operation("DescribeTargetHealth", refuses=("Include", "Targets.QuicServerId"))
def describe_target_health(ctx: Context, request: Request) -> Response:
    """The health of all targets, or of the named ones (`unused` when they are not registered)."""
    group = need_target_group(ctx, request["TargetGroupArn"])
    targets = ctx.store.find(TARGETS, "target_group", group.arn)
    if not request.get("Targets"):
        return {"TargetHealthDescriptions": [_show_health(group, target) for target in targets]}
    shown = []
    for item in request["Targets"]:
        found = [t for t in targets if t.id == item["Id"] and item.get("Port") in {None, t.port}]
        shown += [_show_health(group, target) for target in found]
        if not found:
            shown.append(
                {
                    "Target": {"Id": item["Id"], "Port": item.get("Port", group.port)},
                    "TargetHealth": {
                        "State": "unused",
                        "Reason": "Target.NotRegistered",
                        "Description": "Target is not registered to the target group",
                    },
                }
            )
    return {"TargetHealthDescriptions": shown}


def _show_health(group: TargetGroup, target: Target) -> dict[str, Any]:
    health = {"State": str(target.state)}
    if target.reason is not None:
        health |= {"Reason": target.reason, "Description": target.description or ""}
    identity: dict[str, Any] = {"Id": target.id, "Port": target.port}
    if target.availability_zone:
        identity["AvailabilityZone"] = target.availability_zone
    port = target.port if group.health_check.port == "traffic-port" else group.health_check.port
    return {"Target": identity, "HealthCheckPort": str(port), "TargetHealth": health}
