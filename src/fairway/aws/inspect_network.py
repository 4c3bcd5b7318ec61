"""Looks at the network of a release: target groups, load balancers, subnets, security groups."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fairway.aws.asking import ask, side_by_side
from fairway.preconditions import Balancer, Ingress, SecurityGroup, Subnet, TargetGroup, Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fairway.aws.session import Aws
    from fairway.preconditions import Wanted


def network_of(
    aws: Aws, wanted: Wanted, groups: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Load balancers of the target groups, then the subnets and security groups of both tasks and load balancers."""
    known = [group for group in groups.values() if isinstance(group, TargetGroup)]
    arns = sorted({arn for group in known for arn in group.balancers})
    balancers = _balancers(aws, arns) if arns else {}
    seen = [item for item in balancers.values() if isinstance(item, Balancer)]
    subnets = sorted({*wanted.subnets, *(subnet for item in seen for subnet in item.subnets)})
    questions: dict[str, Callable[[], Any]] = {}
    if subnets:
        questions["subnets"] = partial(_subnets, aws, subnets)
    if wanted.security_groups:
        questions["groups"] = partial(_security_groups, aws, wanted.security_groups)
    answers = side_by_side(questions)
    return balancers, answers.get("subnets", {}), answers.get("groups", {})


def read_target_group(document: Mapping[str, Any]) -> TargetGroup:
    """From DescribeTargetGroups."""
    return TargetGroup(
        protocol=str(document.get("Protocol", "")),
        port=int(document.get("Port", 0)),
        target_type=str(document.get("TargetType", "instance")),
        vpc=str(document.get("VpcId", "")),
        health_check_port=str(document.get("HealthCheckPort", "traffic-port")),
        balancers=tuple(document.get("LoadBalancerArns", ())),
    )


def _balancers(aws: Aws, arns: list[str]) -> dict[str, Any]:
    answer: Any = ask(
        "elasticloadbalancing:DescribeLoadBalancers",
        lambda: aws.elbv2.describe_load_balancers(LoadBalancerArns=arns),
        missing=frozenset({"LoadBalancerNotFound"}),
    )
    if answer is None or isinstance(answer, Unread):
        return dict.fromkeys(arns, answer)
    found = {
        document["LoadBalancerArn"]: Balancer(
            str(document.get("Type", "application")),
            tuple(document.get("SecurityGroups", ())),
            tuple(zone["SubnetId"] for zone in document.get("AvailabilityZones", ()) if "SubnetId" in zone),
        )
        for document in answer["LoadBalancers"]
    }
    return {arn: found.get(arn) for arn in arns}


def _subnets(aws: Aws, ids: Iterable[str]) -> dict[str, Any]:
    """By a filter, which leaves out what does not exist, where ids would be an error for all."""
    wanted = list(ids)
    answer: Any = ask(
        "ec2:DescribeSubnets",
        lambda: aws.ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": wanted}]),
    )
    if isinstance(answer, Unread):
        return dict.fromkeys(wanted, answer)
    found = {
        document["SubnetId"]: Subnet(
            str(document["VpcId"]), str(document.get("CidrBlock", "")), int(document.get("AvailableIpAddressCount", 0))
        )
        for document in answer["Subnets"]
    }
    return {one: found.get(one) for one in wanted}


def _security_groups(aws: Aws, ids: Iterable[str]) -> dict[str, Any]:
    wanted = sorted(set(ids))
    answer: Any = ask(
        "ec2:DescribeSecurityGroups",
        lambda: aws.ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": wanted}]),
    )
    if isinstance(answer, Unread):
        return dict.fromkeys(wanted, answer)
    found = {
        document["GroupId"]: SecurityGroup(
            str(document.get("VpcId", "")), tuple(_ingress(rule) for rule in document.get("IpPermissions", ()))
        )
        for document in answer["SecurityGroups"]
    }
    return {one: found.get(one) for one in wanted}


def _ingress(rule: Mapping[str, Any]) -> Ingress:
    return Ingress(
        protocol=str(rule.get("IpProtocol", "-1")),
        low=rule.get("FromPort"),
        high=rule.get("ToPort"),
        groups=tuple(pair["GroupId"] for pair in rule.get("UserIdGroupPairs", ()) if "GroupId" in pair),
        cidrs=tuple(item["CidrIp"] for item in rule.get("IpRanges", ()) if "CidrIp" in item),
        prefix_lists=tuple(item["PrefixListId"] for item in rule.get("PrefixListIds", ()) if "PrefixListId" in item),
    )
