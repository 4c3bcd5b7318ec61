"""Load balancers and target groups."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import blocks, object_, service, task
from fairway.lint.rules.task_rules import containers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import View
    from fairway.lint.finding import Finding

_GUIDE: Final = "Elastic Load Balancing, Application Load Balancers: "
RANGES: Final = {
    "healthCheckIntervalSeconds": (5, 300),
    "healthCheckTimeoutSeconds": (2, 120),
    "healthyThresholdCount": (2, 10),
    "unhealthyThresholdCount": (2, 10),
}
_ATTRIBUTES: Final = {
    "deregistration_delay.timeout_seconds": (0, 3600),
    "idle_timeout.timeout_seconds": (1, 4000),
    "stickiness.lb_cookie.duration_seconds": (1, 604800),
}
_DELAY: Final = "deregistration_delay.timeout_seconds"
_SERVED: Final = service(
    desiredCount=2,
    taskDefinition="shop",
    loadBalancers=[{"targetGroupArn": "arn:targetgroup/web/1", "containerName": "app", "containerPort": 80}],
)


def _group(**members: object) -> str:
    return object_(Name="web", Protocol="HTTP", Port=80, VpcId="vpc-1", **members)


RANGE: Final = Rule(
    "target-group-range",
    Severity.ERROR,
    "A target group's health check out of bounds",
    "interval is 5 to 300 s, timeout 2 to 120 s and shorter than the interval, both thresholds 2 to 10, the delay of "
    "deregistration 0 to 3600 s, the idle time-out of a load balancer 1 to 4000 s.",
    "stay within the bounds",
    _GUIDE + "Health checks for target groups; Edit target group attributes",
    _group(HealthCheckPath="/health", HealthCheckIntervalSeconds=4),
    _group(HealthCheckPath="/health", HealthCheckIntervalSeconds=5),
)
TYPE: Final = Rule(
    "target-type",
    Severity.ERROR,
    "Targets of the type instance for tasks with awsvpc",
    "A task with awsvpc has an address of its own, so its target group has the target type ip: ECS answers 'has target type "
    "instance, which is incompatible with the awsvpc network mode'.",
    'create the target group with "TargetType": "ip" (it cannot be changed later)',
    "Amazon ECS Developer Guide, Use an Application Load Balancer for Amazon ECS",
    blocks(_group(TargetType="instance"), task(networkMode="awsvpc"), _SERVED),
    blocks(_group(TargetType="ip"), task(networkMode="awsvpc"), _SERVED),
)
DELAY: Final = Rule(
    "deregistration-delay",
    Severity.INFO,
    "A long deregistration delay",
    "A task that is replaced drains for the whole delay (300 s where it is not set), before it even gets SIGTERM: each deployment "
    "lasts at least that long. On Spot there are 120 s in all.",
    "set deregistration_delay.timeout_seconds to the longest request, such as 30",
    _GUIDE
    + "Edit target group attributes (Deregistration delay); Amazon ECS Developer Guide, load balancer best practices",
    _group(HealthCheckPath="/health", Attributes=[{"Key": _DELAY, "Value": "300"}]),
    _group(HealthCheckPath="/health", Attributes=[{"Key": _DELAY, "Value": "30"}]),
)
STOP: Final = Rule(
    "drain-outlives-stop",
    Severity.INFO,
    "A deregistration delay that is longer than stopTimeout",
    "When a task is stopped without being deregistered first (Spot, a failed health check, a retired host), it has stopTimeout (30 "
    "s where it is not set) to end its requests, though the load balancer would wait longer.",
    "set stopTimeout (at most 120 on Fargate) to the deregistration delay, or the delay to stopTimeout",
    "Amazon ECS Developer Guide, Graceful shutdowns with Amazon ECS",
    blocks(
        _group(Attributes=[{"Key": _DELAY, "Value": "60"}]),
        task({"stopTimeout": 30, "portMappings": [{"containerPort": 80}]}),
        _SERVED,
    ),
    blocks(
        _group(Attributes=[{"Key": _DELAY, "Value": "60"}]),
        task({"stopTimeout": 60, "portMappings": [{"containerPort": 80}]}),
        _SERVED,
    ),
)
ZONES: Final = Rule(
    "balancer-zones",
    Severity.ERROR,
    "An Application Load Balancer in one subnet",
    "An Application Load Balancer needs subnets in at least two zones: CreateLoadBalancer refuses one.",
    "name a subnet in a second zone",
    _GUIDE + "Create an Application Load Balancer",
    object_(loadBalancers=[{"Name": "shop", "Type": "application", "Subnets": ["subnet-1"]}]),
    object_(loadBalancers=[{"Name": "shop", "Type": "application", "Subnets": ["subnet-1", "subnet-2"]}]),
)
RULES: Final = (RANGE, TYPE, DELAY, STOP, ZONES)
_GROUP: Final = re.compile(r".*targetgroup/(?P<name>[^/]*)/.*", re.DOTALL)
_CODE: Final = re.compile(r"\d{3}(-\d{3})?(,\s*\d{3}(-\d{3})?)*")
_LONG_DELAY, _DEFAULT_STOP = 300, 30


def check(view: View) -> Iterator[Finding]:
    groups, tasks = list(view.of(Kind.TARGET_GROUP)), _tasks_by_group(view)
    for entity in groups:
        # the only group among the files is the one that the services mean
        name = "" if len(groups) == 1 else entity.node["targetGroupName"].literal or entity.node["name"].literal
        behind = tasks.get(name or "?", []) if name != "" else tasks.get("", [])
        yield from _ranges(entity.node)
        yield from _attributes(entity.node)
        yield from _type(entity.node, behind)
        yield from _delay(entity.node, behind)
    for entity in view.of(Kind.LOAD_BALANCER):
        yield from _attributes(entity.node)
        subnets = entity.node["subnets"]
        if entity.node["type"].text in {None, "application"} and subnets.is_list and len(subnets.value) == 1:
            yield subnets.find(ZONES, "one subnet")


def _ranges(node: Node) -> Iterator[Finding]:
    for member, (least, most) in RANGES.items():
        value = node[member].integer
        if value is not None and not least <= value <= most:
            yield node[member].find(RANGE, f"{member} {value} is not within {least} and {most}")
    interval, timeout = node["healthCheckIntervalSeconds"].integer, node["healthCheckTimeoutSeconds"].integer
    if interval is not None and timeout is not None and timeout >= interval:
        yield node["healthCheckTimeoutSeconds"].find(
            RANGE, f"the time-out ({timeout} s) is not shorter than the interval ({interval} s)"
        )
    codes = node["matcher"]["httpCode"]
    if codes.literal is not None and node["protocol"].text in {"HTTP", "HTTPS", None}:
        numbers = [int(text) for text in re.findall(r"\d{3}", codes.literal)]
        if not _CODE.fullmatch(codes.literal) or not all(200 <= number <= 499 for number in numbers):  # noqa: PLR2004 - AWS's
            yield codes.find(
                RANGE, f"httpCode {codes.literal}", remedy="codes or ranges within 200 and 499: 200,302 or 200-299"
            )


def _attribute(node: Node, key: str) -> Node | None:
    return next((item["value"] for item in node["attributes"].objects() if item["key"].text == key), None)


def _attributes(node: Node) -> Iterator[Finding]:
    for key, (least, most) in _ATTRIBUTES.items():
        value = _attribute(node, key)
        if value is not None and value.integer is not None and not least <= value.integer <= most:
            yield value.find(RANGE, f"{key} {value.integer} is not within {least} and {most}")


def _tasks_by_group(view: View) -> dict[str, list[Node]]:
    """Target group's name -> the task definitions behind it; under the empty name those of every service."""
    found: dict[str, list[Node]] = {}
    for entity in view.of(Kind.SERVICE):
        definition = view.definition_of(entity)
        names = {
            _GROUP.sub(r"\g<name>", item["targetGroupArn"].text or "")
            for item in entity.node["loadBalancers"].objects()
        }
        if definition is not None and names:
            for name in names | {""}:
                known = found.setdefault(name, [])
                if all(node is not definition.node for node in known[-1:]):
                    known.append(definition.node)
    return found


def _type(node: Node, behind: list[Node]) -> Iterator[Finding]:
    kind = node["targetType"].literal
    for definition in behind:
        # instance is CreateTargetGroup's default
        if definition["networkMode"].text == "awsvpc" and kind in {"instance", "lambda", "alb"}:
            yield node["targetType"].find(TYPE, f"target type {kind}, and {definition['family'].text} has awsvpc")
            return


def _delay(node: Node, behind: list[Node]) -> Iterator[Finding]:
    value = _attribute(node, _DELAY)
    if value is None or value.integer is None:
        return
    delay = value.integer
    if delay >= _LONG_DELAY:
        yield value.find(DELAY, f"each task that is replaced drains for {delay} s")
    for definition in behind:
        for container in containers_of(definition):
            stop = container["stopTimeout"].integer or _DEFAULT_STOP
            if container["portMappings"].value and delay > stop:
                yield value.find(
                    STOP, f"{delay} s, and container {container['name'].text} is killed {stop} s after SIGTERM"
                )
