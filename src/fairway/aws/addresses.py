"""Where a service is reached: the addresses of the listeners that forward to its target groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.aws.calls import batches, calling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fairway.aws.session import Aws

ADDRESS_TAG: Final = "fairway:address"
"""On a listener of the local engine: where it really listens."""
_TAGS_AT_ONCE: Final = 20
_DEFAULT_PORTS: Final = {"HTTP": 80, "HTTPS": 443}


def addresses(aws: Aws, target_groups: Sequence[str]) -> list[str]:
    """Such as `http://127.0.0.1:8080`, of each listener that may forward to one of the target groups."""
    if not target_groups:
        return []
    with calling("describing the load balancer"):
        groups = aws.elbv2.describe_target_groups(TargetGroupArns=list(target_groups))["TargetGroups"]
        arns = sorted({arn for group in groups for arn in group.get("LoadBalancerArns", ())})
        balancers: list[Any] = []
        if arns:
            balancers = list(aws.elbv2.describe_load_balancers(LoadBalancerArns=arns)["LoadBalancers"])
        found: list[tuple[Any, Any]] = []
        for balancer in balancers:
            listeners = aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
            found += [(balancer, one) for one in listeners if _reaches(aws, one, set(target_groups))]
        tags = _tags(aws, [listener["ListenerArn"] for _, listener in found])
    return [tags.get(listener["ListenerArn"]) or _url(balancer, listener) for balancer, listener in found]


def _reaches(aws: Aws, listener: Mapping[str, Any], target_groups: set[str]) -> bool:
    if target_groups & set(_forwards(listener.get("DefaultActions", ()))):
        return True
    rules = aws.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    return any(target_groups & set(_forwards(rule.get("Actions", ()))) for rule in rules)


def _forwards(actions: Any) -> Iterator[str]:
    for action in actions:
        if "TargetGroupArn" in action:
            yield action["TargetGroupArn"]
        for group in action.get("ForwardConfig", {}).get("TargetGroups", ()):
            yield group["TargetGroupArn"]


def _tags(aws: Aws, arns: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in batches(arns, _TAGS_AT_ONCE):
        for described in aws.elbv2.describe_tags(ResourceArns=list(some))["TagDescriptions"]:
            for tag in described["Tags"]:
                if tag["Key"] == ADDRESS_TAG:
                    found[described["ResourceArn"]] = tag["Value"]
    return found


def _url(balancer: Mapping[str, Any], listener: Mapping[str, Any]) -> str:
    protocol, port = listener.get("Protocol", "HTTP"), listener.get("Port", 80)
    shown = "" if _DEFAULT_PORTS.get(protocol) == port else f":{port}"
    return f"{protocol.lower()}://{balancer['DNSName']}{shown}"
