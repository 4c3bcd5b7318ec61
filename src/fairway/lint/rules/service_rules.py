"""Services: their network, their load balancer, members that contradict each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import blocks, service, task
from fairway.lint.rules.task_rules import containers_of, is_fargate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import Entity, View
    from fairway.lint.finding import Finding

_GUIDE: Final = "Amazon ECS Developer Guide, "
_PARAMETERS: Final = _GUIDE + "Amazon ECS service definition parameters"
_CREATE: Final = "Amazon ECS API Reference, CreateService"
_TARGET: Final = {"targetGroupArn": "arn", "containerName": "app", "containerPort": 8000}
_TWO: Final = {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}}
NETWORK: Final = Rule(
    "network-missing",
    Severity.ERROR,
    "No network configuration for awsvpc",
    "With the network mode awsvpc (always on Fargate) ECS answers 'Network Configuration must be provided when networkMode "
    "'awsvpc' is specified', and it takes none with another mode.",
    'add "networkConfiguration": {"awsvpcConfiguration": {"subnets": […], "securityGroups": […]}}',
    _CREATE + " (networkConfiguration)",
    service(desiredCount=2, launchType="FARGATE"),
    service(desiredCount=2, launchType="FARGATE", networkConfiguration=_TWO),
)
ONE_ZONE: Final = Rule(
    "single-subnet",
    Severity.WARNING,
    "All tasks in one subnet or zone",
    "When the zone fails, the service is gone; and ECS has no other one to spread to.",
    "name subnets in two or more zones",
    _GUIDE + "Amazon ECS service availability zone rebalancing; Best practices for networking",
    service(desiredCount=2, networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}}),
    service(desiredCount=2, networkConfiguration=_TWO),
)
BALANCER_PORT: Final = Rule(
    "balancer-target",
    Severity.ERROR,
    "A load balancer that sends to what the task definition does not have",
    "ECS answers 'The container X does not exist in the task definition' or 'did not have a container port P defined'.",
    "name a container of the task definition, and a containerPort of its portMappings",
    _PARAMETERS + " (Load balancers)",
    blocks(
        service(desiredCount=2, taskDefinition="shop", loadBalancers=[_TARGET]),
        task({"portMappings": [{"containerPort": 8080}]}),
    ),
    blocks(
        service(desiredCount=2, taskDefinition="shop", loadBalancers=[_TARGET]),
        task({"portMappings": [{"containerPort": 8000}]}),
    ),
)
GRACE: Final = Rule(
    "grace-period-missing",
    Severity.WARNING,
    "A service behind a load balancer without a grace period",
    "healthCheckGracePeriodSeconds is 0 by default: a task that needs longer to start than the load balancer's checks take is "
    "killed before it is up, again and again.",
    "set it a little above the time from start to the first healthy answer, such as 60",
    _PARAMETERS + " (healthCheckGracePeriodSeconds); strategy document, Best Practices",
    service(desiredCount=2, loadBalancers=[_TARGET]),
    service(desiredCount=2, loadBalancers=[_TARGET], healthCheckGracePeriodSeconds=60),
    practice="DO 3",
)
GRACE_ALONE: Final = Rule(
    "grace-period-alone",
    Severity.WARNING,
    "A grace period without a load balancer",
    "ECS has answered this with 'Health check grace period is only valid for services configured to use load balancers'. The "
    "start of a container is covered by startPeriod.",
    "remove healthCheckGracePeriodSeconds, and set startPeriod in the container's healthCheck",
    _PARAMETERS + " (healthCheckGracePeriodSeconds)",
    service(desiredCount=2, healthCheckGracePeriodSeconds=60),
    service(desiredCount=2, healthCheckGracePeriodSeconds=60, loadBalancers=[_TARGET]),
)
REFUSED: Final = Rule(
    "service-refused",
    Severity.ERROR,
    "Members of a service that contradict each other",
    "CreateService refuses: a platform version or an IAM role or placement with Fargate's launch type as documented, a public "
    "address on EC2, DAEMON on Fargate, more than 16 subnets or 5 security groups.",
    "remove what does not go with the launch type",
    _CREATE,
    service(desiredCount=2, launchType="EC2", platformVersion="1.4.0"),
    service(desiredCount=2, launchType="FARGATE", platformVersion="1.4.0", networkConfiguration=_TWO),
)
EXEC: Final = Rule(
    "exec-without-role",
    Severity.ERROR,
    "ECS Exec without a task role",
    "enableExecuteCommand needs a task role: UpdateService answers 'a valid taskRoleArn is not being used'.",
    "add taskRoleArn, with the ssmmessages actions; or turn enableExecuteCommand off",
    _GUIDE + "Monitor Amazon ECS containers with ECS Exec",
    blocks(service(desiredCount=1, taskDefinition="shop", enableExecuteCommand=True), task()),
    blocks(
        service(desiredCount=1, taskDefinition="shop", enableExecuteCommand=True),
        task(taskRoleArn="arn:aws:iam::1:role/shop"),
    ),
)
EXEC_READ_ONLY: Final = Rule(
    "exec-read-only",
    Severity.WARNING,
    "ECS Exec into a read-only container",
    "The agent of ECS Exec writes into the container, so with readonlyRootFilesystem nobody gets in; the service itself runs.",
    "choose one of the two: readonlyRootFilesystem false, or enableExecuteCommand off",
    _GUIDE + "Monitor Amazon ECS containers with ECS Exec",
    blocks(
        service(desiredCount=1, taskDefinition="shop", enableExecuteCommand=True),
        task({"readonlyRootFilesystem": True}, taskRoleArn="arn:aws:iam::1:role/shop"),
    ),
    blocks(
        service(desiredCount=1, taskDefinition="shop", enableExecuteCommand=True),
        task({"readonlyRootFilesystem": False}, taskRoleArn="arn:aws:iam::1:role/shop"),
    ),
)
RULES: Final = (
    NETWORK, ONE_ZONE, BALANCER_PORT, GRACE, GRACE_ALONE, REFUSED, EXEC, EXEC_READ_ONLY,
)  # fmt: skip
_ZONE: Final = re.compile(
    r"(?<![a-z])(?P<zone>[a-z]{2}(?:-gov|-iso[a-z]?)?-(?:north|south|central|east|west)(?:east|west)?-\d[a-f])$"
)
_MOST_SUBNETS, _MOST_GROUPS = 16, 5


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.SERVICE):
        yield from _network(view, entity)
        yield from _balancer(view, entity)
        yield from _members(entity.node)
        yield from _exec(view, entity)
    for entity in view.of(Kind.RUN_TASK):
        yield from _network(view, entity)


def _network(view: View, entity: Entity) -> Iterator[Finding]:
    node, definition = entity.node, view.definition_of(entity)
    configuration = node["networkConfiguration"]["awsvpcConfiguration"]
    mode = definition.node["networkMode"].literal if definition is not None else None
    on_fargate = node["launchType"].text == "FARGATE" or (definition is not None and is_fargate(definition.node))
    if not configuration.is_object:
        if (mode == "awsvpc" or on_fargate) and not entity.is_answer:
            yield node["networkConfiguration"].find(
                NETWORK, "awsvpc needs subnets, and there is no networkConfiguration"
            )
        return
    if mode in {"bridge", "host", "none"}:
        text = f"network mode {mode} takes no networkConfiguration"
        yield configuration.find(NETWORK, text, remedy="remove it, or set networkMode awsvpc in the task definition")
    subnets = configuration["subnets"]
    names = [item.text for item in subnets]
    zones = {match["zone"] if (match := _ZONE.search(name or "")) else None for name in names}
    if not names:
        yield subnets.find(NETWORK, "subnets is missing or empty", remedy="name at least one subnet, better two")
    elif entity.kind is Kind.SERVICE and len(set(names)) == 1:
        yield subnets.find(ONE_ZONE, "one subnet, so one zone")
    elif entity.kind is Kind.SERVICE and len(zones) == 1 and None not in zones:
        yield subnets.find(ONE_ZONE, f"by their names all subnets are in {zones.pop()}")
    for member, most in (("subnets", _MOST_SUBNETS), ("securityGroups", _MOST_GROUPS)):
        if len(list(configuration[member])) > most:
            yield configuration[member].find(REFUSED, f"more than {most} {member}", remedy=f"at most {most}")


def _balancer(view: View, entity: Entity) -> Iterator[Finding]:
    node, definition = entity.node, view.definition_of(entity)
    balancers = list(node["loadBalancers"].objects())
    grace = node["healthCheckGracePeriodSeconds"]
    if balancers and not (grace.integer or grace.text):
        yield grace.find(GRACE, "no healthCheckGracePeriodSeconds")
    elif (
        not balancers
        and (grace.integer or 0) > 0
        and "loadBalancers" not in node
        and not node["serviceConnectConfiguration"].exists
    ):
        yield grace.find(GRACE_ALONE, f"healthCheckGracePeriodSeconds {grace.integer}, and no load balancer")
    if definition is None:
        return
    containers = {item["name"].text: item for item in containers_of(definition.node)}
    for balancer in balancers:
        name, port = balancer["containerName"].literal, balancer["containerPort"].integer
        if name is None:
            continue
        if name not in containers:
            known = ", ".join(filter(None, containers))
            yield balancer["containerName"].find(
                BALANCER_PORT, f"there is no container {name}; the task definition has {known}"
            )
        elif port is not None:
            ports = [item["containerPort"].integer for item in containers[name]["portMappings"].objects()]
            if port not in ports and None not in ports:
                known = ", ".join(map(str, ports)) or "none"
                yield balancer["containerPort"].find(
                    BALANCER_PORT, f"container {name} has no port {port}; it has {known}"
                )


def _members(node: Node) -> Iterator[Finding]:
    launch, daemon = node["launchType"].text, node["schedulingStrategy"].text == "DAEMON"
    if launch == "EC2" and "platformVersion" in node:
        yield node["platformVersion"].find(REFUSED, "the launch type EC2 has no platform version")
    if launch == "EC2" and node["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"].text == "ENABLED":
        yield node["networkConfiguration"].find(REFUSED, "the launch type EC2 gives a task no public address")
    if launch == "FARGATE":
        for name in ("placementStrategy", "placementConstraints"):
            if node[name].value:
                yield node[name].find(REFUSED, f"Fargate has no {name}")
        if daemon:
            yield node["schedulingStrategy"].find(REFUSED, "Fargate has no DAEMON")
        if "role" in node:
            yield node["role"].find(REFUSED, "a service with awsvpc takes no role: ECS uses its service-linked one")
    if daemon and "desiredCount" in node:
        yield node["desiredCount"].find(REFUSED, "DAEMON does not take a desiredCount")


def _exec(view: View, entity: Entity) -> Iterator[Finding]:
    definition = view.definition_of(entity)
    if definition is None or not entity.node["enableExecuteCommand"].flag:
        return
    if "taskRoleArn" not in definition.node:
        yield entity.node["enableExecuteCommand"].find(
            EXEC, "enableExecuteCommand, and the task definition has no taskRoleArn"
        )
    for container in containers_of(definition.node):
        if container["readonlyRootFilesystem"].flag:
            yield container["readonlyRootFilesystem"].find(
                EXEC_READ_ONLY, f"container {container['name'].text} is read-only: ECS Exec cannot start in it"
            )
