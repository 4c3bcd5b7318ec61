"""Application Load Balancers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.model.elb import LoadBalancer
from fairway.engine.services.elbv2.faults import (
    DuplicateLoadBalancerName,
    InvalidConfigurationRequest,
    LoadBalancerNotFound,
    OperationNotPermitted,
    SubnetNotFound,
    ValidationError,
    unsupported,
)
from fairway.engine.services.elbv2.table import OPERATIONS, page, read_attributes, read_tags, show_attributes
from fairway.engine.services.network import subnets_of
from fairway.engine.store.schema import LISTENERS, LOAD_BALANCERS, RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairway.engine.services.operation import Context, Request, Response

ATTRIBUTES: Final = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "idle_timeout.timeout_seconds": "60",
    "deletion_protection.enabled": "false",
    "routing.http2.enabled": "true",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "waf.fail_open.enabled": "false",
    "client_keep_alive.seconds": "3600",
}
_FIXED: Final = frozenset(ATTRIBUTES) - {"idle_timeout.timeout_seconds", "deletion_protection.enabled"}
"""Attributes whose default is all that the engine has."""
_IDLE: Final = range(1, 4001)
_LONGEST_NAME: Final = 32


def need_load_balancer(ctx: Context, arn: str) -> LoadBalancer:
    """The load balancer of an ARN.

    Raises:
        LoadBalancerNotFound: none.
    """
    balancer = ctx.store.get(LOAD_BALANCERS, arn)
    if balancer is None:
        raise LoadBalancerNotFound(f"Load balancer '{arn}' not found")
    return balancer


def _subnets(ctx: Context, request: Request) -> tuple[dict[str, str], str]:
    """Subnet -> zone, and their VPC."""
    ids = list(request.get("Subnets", ())) or [m["SubnetId"] for m in request.get("SubnetMappings", ())]
    known = {subnet.id: subnet for subnet in subnets_of(ctx.store, ctx.region)}
    missing = [subnet for subnet in ids if subnet not in known]
    if missing:
        raise SubnetNotFound(f"The subnet ID '{missing[0]}' does not exist")
    zones = {subnet: known[subnet].availability_zone for subnet in ids}
    if len(set(zones.values())) != len(zones):
        raise InvalidConfigurationRequest(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        )
    if len(zones) < 2:  # noqa: PLR2004 - ALB's rule
        raise ValidationError("At least two subnets in two different Availability Zones must be specified")
    networks = {known[subnet].vpc_id for subnet in ids}
    if len(networks) > 1:
        raise InvalidConfigurationRequest(f"All subnets must belong to the same VPC: '{known[ids[0]].vpc_id}'")
    return zones, networks.pop()


def show_load_balancer(balancer: LoadBalancer) -> dict[str, Any]:
    return {
        "LoadBalancerArn": balancer.arn,
        "DNSName": balancer.dns_name,
        "CanonicalHostedZoneId": "Z35SXDOTRQ7X7K",
        "CreatedTime": balancer.created_at,
        "LoadBalancerName": balancer.name,
        "Scheme": balancer.scheme,
        "VpcId": balancer.vpc_id,
        "State": {"Code": "active"},
        "Type": "application",
        "AvailabilityZones": [
            {"ZoneName": zone, "SubnetId": subnet, "LoadBalancerAddresses": []}
            for subnet, zone in balancer.subnets.items()
        ],
        "SecurityGroups": list(balancer.security_groups),
        "IpAddressType": balancer.ip_address_type,
    }


@OPERATIONS.operation(
    "CreateLoadBalancer",
    refuses=(
        "Type=application",
        "IpAddressType=ipv4",
        "CustomerOwnedIpv4Pool",
        "EnablePrefixForIpv6SourceNat",
        "IpamPools",
        "SubnetMappings.AllocationId",
        "SubnetMappings.PrivateIPv4Address",
        "SubnetMappings.IPv6Address",
        "SubnetMappings.SourceNatIpv6Prefix",
    ),
)
def create_load_balancer(ctx: Context, request: Request) -> Response:
    """Create a load balancer; the same name with the same settings is answered alike."""
    name = request["Name"]
    if (
        len(name) > _LONGEST_NAME
        or not name.replace("-", "").isalnum()
        or name.startswith(("-", "internal-"))
        or name.endswith("-")
    ):
        raise ValidationError(
            f"The load balancer name '{name}' can have at most 32 letters, digits and hyphens, and not begin or end with a "
            'hyphen, nor begin with "internal-"'
        )
    scheme = request.get("Scheme", "internet-facing")
    (zones, vpc_id), groups = _subnets(ctx, request), tuple(request.get("SecurityGroups", ()))
    living = next((b for b in ctx.store.find(LOAD_BALANCERS, "region", ctx.region) if b.name == name), None)
    if living is not None:
        if (dict(living.subnets), living.security_groups, living.scheme) != (zones, groups, scheme):
            raise DuplicateLoadBalancerName(
                f"A load balancer with the same name '{name}' exists, but with different settings"
            )
        return {"LoadBalancers": [show_load_balancer(living)]}
    digits = ctx.ids.hexadecimal(16)
    prefix = "internal-" if scheme == "internal" else ""
    balancer = LoadBalancer(
        arn=f"arn:aws:elasticloadbalancing:{ctx.region}:{ctx.account}:loadbalancer/app/{name}/{digits}",
        name=name,
        region=ctx.region,
        dns_name=f"{prefix}{name}-{int(digits, 16) % 10**10}.{ctx.region}.elb.amazonaws.com",
        scheme=scheme,
        vpc_id=vpc_id,
        subnets=zones,
        security_groups=groups,
        ip_address_type=request.get("IpAddressType", "ipv4"),
        created_at=ctx.now,
        tags=read_tags(request),
    )
    with ctx.store.transaction() as tx:
        tx.put(LOAD_BALANCERS, balancer)
    return {"LoadBalancers": [show_load_balancer(balancer)]}


@OPERATIONS.operation("DescribeLoadBalancers")
def describe_load_balancers(ctx: Context, request: Request) -> Response:
    """Load balancers by ARN or name, or all."""
    balancers: Sequence[LoadBalancer] = ctx.store.find(LOAD_BALANCERS, "region", ctx.region)
    if request.get("LoadBalancerArns"):
        balancers = [need_load_balancer(ctx, arn) for arn in request["LoadBalancerArns"]]
    if request.get("Names"):
        by_name = {balancer.name: balancer for balancer in balancers}
        missing = [name for name in request["Names"] if name not in by_name]
        if missing:
            raise LoadBalancerNotFound(f"Load balancers '[{', '.join(missing)}]' not found")
        balancers = [by_name[name] for name in request["Names"]]
    shown, marker = page(balancers, request)
    return {"LoadBalancers": [show_load_balancer(balancer) for balancer in shown]} | marker


@OPERATIONS.operation("DeleteLoadBalancer")
def delete_load_balancer(ctx: Context, request: Request) -> Response:
    """Delete a load balancer with its listeners and rules; one that does not exist is no error."""
    balancer = ctx.store.get(LOAD_BALANCERS, request["LoadBalancerArn"])
    if balancer is None:
        return {}
    if balancer.attributes.get("deletion_protection.enabled") == "true":
        raise OperationNotPermitted(
            f"Load balancer '{balancer.arn}' cannot be deleted because deletion protection is enabled"
        )
    with ctx.store.transaction() as tx:
        for listener in ctx.store.find(LISTENERS, "load_balancer", balancer.arn):
            for rule in ctx.store.find(RULES, "listener", listener.arn):
                tx.delete(RULES, rule.arn)
            tx.delete(LISTENERS, listener.arn)
        tx.delete(LOAD_BALANCERS, balancer.arn)
    return {}


@OPERATIONS.operation("DescribeLoadBalancerAttributes")
def describe_load_balancer_attributes(ctx: Context, request: Request) -> Response:
    """All attributes, the defaults where nobody set any."""
    balancer = need_load_balancer(ctx, request["LoadBalancerArn"])
    return {"Attributes": show_attributes(ATTRIBUTES, balancer.attributes)}


@OPERATIONS.operation("ModifyLoadBalancerAttributes")
def modify_load_balancer_attributes(ctx: Context, request: Request) -> Response:
    """Set attributes."""
    balancer = need_load_balancer(ctx, request["LoadBalancerArn"])
    given = read_attributes(request, ATTRIBUTES, of="Load balancer")
    for key, value in given.items():
        if key in _FIXED and value != ATTRIBUTES[key]:
            raise unsupported(f"Attribute {key} with the value {value}")
    idle = given.get("idle_timeout.timeout_seconds", "60")
    if not idle.isdigit() or int(idle) not in _IDLE:
        raise ValidationError("'idle_timeout.timeout_seconds' must be between 1 and 4000")
    changed = replace(balancer, attributes={**balancer.attributes, **given})
    with ctx.store.transaction() as tx:
        tx.put(LOAD_BALANCERS, changed)
    return {"Attributes": show_attributes(ATTRIBUTES, changed.attributes)}


@OPERATIONS.operation("SetSecurityGroups", refuses=("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic",))
def set_security_groups(ctx: Context, request: Request) -> Response:
    """Replace the security groups."""
    balancer = need_load_balancer(ctx, request["LoadBalancerArn"])
    with ctx.store.transaction() as tx:
        tx.put(LOAD_BALANCERS, replace(balancer, security_groups=tuple(request["SecurityGroups"])))
    return {"SecurityGroupIds": list(request["SecurityGroups"])}


@OPERATIONS.operation(
    "SetSubnets",
    refuses=(
        "IpAddressType=ipv4",
        "EnablePrefixForIpv6SourceNat",
        "SubnetMappings.AllocationId",
        "SubnetMappings.PrivateIPv4Address",
        "SubnetMappings.IPv6Address",
        "SubnetMappings.SourceNatIpv6Prefix",
    ),
)
def set_subnets(ctx: Context, request: Request) -> Response:
    """Replace the subnets."""
    balancer = need_load_balancer(ctx, request["LoadBalancerArn"])
    zones, _ = _subnets(ctx, request)
    changed = replace(balancer, subnets=zones)
    with ctx.store.transaction() as tx:
        tx.put(LOAD_BALANCERS, changed)
    return {"AvailabilityZones": show_load_balancer(changed)["AvailabilityZones"], "IpAddressType": "ipv4"}
