"""Checks of the network: target groups, subnets, security groups."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

from fairway.checks.finding import Check, Finding, failed, not_checked, ok, warning
from fairway.preconditions import Balancer, SecurityGroup, Subnet, TargetGroup, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.checks.situation import Part, Situation
    from fairway.preconditions import Facts, Ingress

TARGET_GROUP: Final = Check(
    "target-group",
    "The target group takes addresses and the container's protocol, is in the tasks' VPC and behind a load balancer",
    "ECS refuses a service whose target group has no load balancer, or another target type than ip with awsvpc; a health check "
    "of another port than the container's never passes.",
    ("elasticloadbalancing:DescribeTargetGroups",),
    'ECS Developer Guide, "Use load balancing to distribute Amazon ECS service traffic"',
)
SUBNET: Final = Check(
    "subnet",
    "Subnets exist, in one VPC",
    "ECS refuses subnets of several VPCs, and no task starts in one that is not there.",
    ("ec2:DescribeSubnets",),
    "ECS API Reference, AwsVpcConfiguration",
    laptop="tasks of a laptop share its own addresses",
)
FREE_ADDRESSES: Final = Check(
    "free-addresses",
    "The subnets have an address for each task that the deployment may have",
    "Each task takes an address. During a deployment there are up to maximumPercent of them.",
    ("ec2:DescribeSubnets",),
    'ECS Developer Guide, "Amazon ECS task networking options for Fargate"',
    laptop="tasks of a laptop share its own addresses",
)
SECURITY_GROUP: Final = Check(
    "security-group",
    "Security groups exist in the subnets' VPC, and let the load balancer reach the container's port",
    "Health checks of a target that the load balancer cannot reach time out, and ECS replaces its task for ever.",
    ("ec2:DescribeSecurityGroups", "elasticloadbalancing:DescribeLoadBalancers"),
    'Elastic Load Balancing, "Target groups for your Application Load Balancers: health checks"',
    laptop="the local engine has no firewall",
)
_TRANSPORT: Final = {"HTTP": "tcp", "HTTPS": "tcp", "TCP": "tcp", "TLS": "tcp", "UDP": "udp", "TCP_UDP": ""}
"""Protocol of a target group -> that of the container's port; empty: either."""
_ANY: Final = "-1"
_TRAFFIC_PORT: Final = "traffic-port"


def target_group(situation: Situation) -> Iterator[Finding]:
    for part in situation.parts:
        for balancer in part.balancers:
            arn = str(balancer["targetGroupArn"])
            subject = f"{part.key}: {arn.rsplit(':', 1)[-1].removeprefix('targetgroup/').split('/')[0]}"
            found = situation.facts.target_groups.get(arn)
            if isinstance(found, Unread):
                yield not_checked(TARGET_GROUP, subject, found.reason)
            elif found is None:
                yield failed(
                    TARGET_GROUP, subject, f"there is no target group {arn}", "make it, or correct targetGroupArn"
                )
            else:
                yield from _judge_target_group(subject, part, balancer, found, _vpcs(part, situation.facts))


def _judge_target_group(
    subject: str, part: Part, balancer: Mapping[str, Any], found: TargetGroup, vpcs: set[str]
) -> Iterator[Finding]:
    """What is wrong with it, each thing by itself; one OK when nothing is."""
    container, port = str(balancer.get("containerName", "")), int(balancer.get("containerPort", 0))
    mapped = {
        int(item.get("containerPort", 0)): str(item.get("protocol", "tcp"))
        for one in part.containers
        if one.get("name") == container
        for item in one.get("portMappings") or ()
    }
    wrong = []
    if found.target_type != "ip" and part.definition.get("networkMode") == "awsvpc":
        wrong.append(
            (f"its target type is {found.target_type}, and tasks with awsvpc need ip", "make one with --target-type ip")
        )
    if port not in mapped:
        wrong.append((f"{container} has no port {port}", "correct containerPort, or add the port to portMappings"))
    elif _TRANSPORT.get(found.protocol, "") not in {"", mapped[port]}:
        wrong.append(
            (f"it speaks {found.protocol}, and port {port} of {container} is {mapped[port]}", "make both the same")
        )
    if vpcs and found.vpc not in vpcs:
        wrong.append(
            (f"it is in {found.vpc}, and the subnets are in {', '.join(sorted(vpcs))}", "take one of the same VPC")
        )
    if not found.balancers:
        wrong.append(("no load balancer forwards to it, and ECS refuses such a service", "add it to a listener"))
    for text, remedy in wrong:
        yield failed(TARGET_GROUP, subject, text, remedy)
    asked = found.health_check_port
    if asked not in {_TRAFFIC_PORT, str(port)} and not (asked.isdigit() and int(asked) in mapped):
        wrong.append(("", ""))
        yield warning(
            TARGET_GROUP,
            subject,
            f"its health check asks port {asked}, which {container} does not have",
            "set HealthCheckPort to traffic-port",
        )
    if not wrong:
        yield ok(TARGET_GROUP, subject, f"{found.protocol} to port {port} of {container}")


def _vpcs(part: Part, facts: Facts) -> set[str]:
    known = (facts.subnets.get(name) for name in part.subnets)
    return {subnet.vpc for subnet in known if isinstance(subnet, Subnet)}


def subnet(situation: Situation) -> Iterator[Finding]:
    for part in situation.parts:
        if not part.subnets:
            continue
        found = {name: situation.facts.subnets.get(name) for name in part.subnets}
        unread = next((item for item in found.values() if isinstance(item, Unread)), None)
        missing = [name for name, item in found.items() if item is None]
        vpcs = _vpcs(part, situation.facts)
        if unread is not None:
            yield not_checked(SUBNET, part.key, unread.reason)
        elif missing:
            yield failed(SUBNET, part.key, f"not there: {', '.join(missing)}", "correct networkConfiguration")
        elif len(vpcs) > 1:
            yield failed(SUBNET, part.key, f"they are in {', '.join(sorted(vpcs))}", "name subnets of one VPC")
        else:
            yield ok(SUBNET, part.key, f"{len(found)} in {', '.join(vpcs)}")


def free_addresses(situation: Situation) -> Iterator[Finding]:
    """Services with the same subnets are reckoned together; of one-off tasks, which end before, one counts."""
    sharing: dict[frozenset[str], list[Part]] = defaultdict(list)
    for part in situation.parts:
        if part.subnets:
            sharing[frozenset(part.subnets)].append(part)
    for names, parts in sharing.items():
        subject = ", ".join(part.key for part in parts)
        found = {name: situation.facts.subnets.get(name) for name in sorted(names)}
        known = {name: item for name, item in found.items() if isinstance(item, Subnet)}
        unread = next((item for item in found.values() if isinstance(item, Unread)), None)
        if unread is not None:
            yield not_checked(FREE_ADDRESSES, subject, unread.reason)
            continue
        if len(known) < len(found):
            continue  # what is missing, `subnet` says
        once = max((part.more_tasks for part in parts if not part.is_service), default=0)
        more = max(once, sum(part.more_tasks for part in parts if part.is_service))
        free = sum(item.free for item in known.values())
        empty = [name for name, item in known.items() if item.free == 0]
        if free < more:
            yield failed(
                FREE_ADDRESSES,
                subject,
                f"{free} addresses are free, and the deployment may start {more} tasks beside those that run",
                "lower maximumPercent, or name larger subnets",
            )
        elif empty and more:
            yield warning(
                FREE_ADDRESSES, subject, f"{', '.join(empty)} has none: tasks gather in the others", "make room in it"
            )
        else:
            yield ok(FREE_ADDRESSES, subject, f"{free} free, {more} needed at most")


def security_group(situation: Situation) -> Iterator[Finding]:
    for part in situation.parts:
        if part.definition.get("networkMode") != "awsvpc" or not part.subnets:
            continue
        if not part.security_groups:
            yield not_checked(SECURITY_GROUP, part.key, "it names none: the VPC's default group is not looked at")
            continue
        found = {name: situation.facts.security_groups.get(name) for name in part.security_groups}
        unread = next((item for item in found.values() if isinstance(item, Unread)), None)
        if unread is not None:
            yield not_checked(SECURITY_GROUP, part.key, unread.reason)
            continue
        known = {name: item for name, item in found.items() if isinstance(item, SecurityGroup)}
        missing = [name for name in found if name not in known]
        vpcs = _vpcs(part, situation.facts)
        elsewhere = [name for name, item in known.items() if vpcs and item.vpc not in vpcs]
        if missing:
            yield failed(SECURITY_GROUP, part.key, f"not there: {', '.join(missing)}", "correct networkConfiguration")
        elif elsewhere:
            yield failed(
                SECURITY_GROUP,
                part.key,
                f"{', '.join(elsewhere)}: not in {', '.join(sorted(vpcs))}, where the subnets are",
                "name security groups of the same VPC",
            )
        elif not part.balancers:
            yield ok(SECURITY_GROUP, part.key, f"{', '.join(known)}: there")
        else:
            yield from _reached(part, list(known.values()), situation.facts)


def _reached(part: Part, own: list[SecurityGroup], facts: Facts) -> Iterator[Finding]:
    """Whether each load balancer reaches each container port."""
    rules = [rule for group in own for rule in group.ingress]
    for item in part.balancers:
        group = facts.target_groups.get(str(item["targetGroupArn"]))
        if not isinstance(group, TargetGroup):
            continue  # what is missing or may not be read, `target-group` says
        port = int(item.get("containerPort", 0))
        transport = _TRANSPORT.get(group.protocol) or "tcp"
        for arn in group.balancers:
            balancer = facts.balancers.get(arn)
            subject = f"{part.key}: {arn.split('/')[-2] if '/' in arn else arn} to port {port}"
            if not isinstance(balancer, Balancer):
                reason = balancer.reason if isinstance(balancer, Unread) else "its load balancer is gone"
                yield not_checked(SECURITY_GROUP, subject, reason)
                continue
            cidrs = [subnet.cidr for name in balancer.subnets if isinstance(subnet := facts.subnets.get(name), Subnet)]
            answer = lets_in(rules, transport, port, balancer, cidrs)
            if answer is None:
                yield not_checked(
                    SECURITY_GROUP, subject, "who may reach it depends on prefix lists, or on its clients' addresses"
                )
            elif answer:
                yield ok(SECURITY_GROUP, subject, "let in")
            else:
                source = ", ".join(balancer.security_groups) or "its subnets"
                yield failed(
                    SECURITY_GROUP,
                    subject,
                    f"{', '.join(part.security_groups)} lets nothing of {source} in",
                    f"aws ec2 authorize-security-group-ingress --group-id {part.security_groups[0]} --protocol {transport} "
                    f"--port {port} --source-group {next(iter(balancer.security_groups), '…')}",
                )


def lets_in(rules: list[Ingress], transport: str, port: int, balancer: Balancer, cidrs: list[str]) -> bool | None:
    """Some rule lets the load balancer's group in, or all of its subnets; None: that cannot be told.

    A network load balancer without a group passes its clients' addresses on, and nobody knows those.
    Source: EC2 User Guide, "Security group rules"; Network Load Balancers, "Update the security groups".
    """
    fitting = [rule for rule in rules if _fits(rule, transport, port)]
    if any(set(rule.groups) & set(balancer.security_groups) for rule in fitting):
        return True
    open_to = [cidr for rule in fitting for cidr in rule.cidrs]
    if "0.0.0.0/0" in open_to:
        return True
    is_hidden = balancer.type == "network" and not balancer.security_groups
    if cidrs and not is_hidden and all(any(_within(cidr, outer) for outer in open_to) for cidr in cidrs):
        return True
    if is_hidden or any(rule.prefix_lists for rule in fitting):
        return None
    return None if balancer.subnets and not cidrs and open_to else False


def _fits(rule: Ingress, transport: str, port: int) -> bool:
    if rule.protocol == _ANY:
        return True
    low, high = (0, 65535) if rule.low is None or rule.high is None else (rule.low, rule.high)
    return rule.protocol == transport and low <= port <= high


def _within(inner: str, outer: str) -> bool:
    one, other = ip_network(inner, strict=False), ip_network(outer, strict=False)
    return one.version == other.version and int(one[0]) >= int(other[0]) and int(one[-1]) <= int(other[-1])
