"""Containers together in a task: what they ask for, their names, ports, dependencies and volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.lint.entity import Kind
from fairway.lint.finding import Rule, Severity
from fairway.lint.rules.examples import task
from fairway.lint.rules.task_rules import containers_of, cpu_units, is_fargate, memory_mib

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.lint.document import Node
    from fairway.lint.entity import View
    from fairway.lint.finding import Finding

_PARAMETERS: Final = "Amazon ECS Developer Guide, Amazon ECS task definition parameters"
LIMITS: Final = Rule(
    "container-limits",
    Severity.ERROR,
    "Containers that ask for more than their task has",
    "The sum of the containers' cpu, and each container's memory, must fit into the task's; memoryReservation must not be above "
    "memory; on EC2 without task memory each container needs one of the two.",
    "lower the container's, or raise the task's",
    _PARAMETERS + " (Task size, Memory)",
    task({"memory": 1024}, cpu="256", memory="512"),
    task({"memory": 512}, cpu="256", memory="512"),
)
CONTAINERS: Final = Rule(
    "container-set",
    Severity.ERROR,
    "Containers that do not make a task",
    "A task needs at least one container, at least one essential one, names that differ, and an image for each.",
    "name each container once, give it an image, and leave essential out (its default is true) for what the task is for",
    _PARAMETERS + " (Standard container definition parameters)",
    task({"essential": False}),
    task({"essential": True}),
)
PORTS: Final = Rule(
    "port-mapping",
    Severity.ERROR,
    "Port mappings that the network mode refuses",
    "With awsvpc a task has an address of its own: hostPort is left out or equals containerPort, and two containers cannot "
    "listen on one port.",
    "leave hostPort out; give each container a port of its own",
    _PARAMETERS + " (Port mappings)",
    task({"portMappings": [{"containerPort": 8000, "hostPort": 80}]}, networkMode="awsvpc"),
    task({"portMappings": [{"containerPort": 8000, "hostPort": 8000}]}, networkMode="awsvpc"),
)
LINKS: Final = Rule(
    "links-need-bridge",
    Severity.ERROR,
    "links outside of the bridge network",
    "links are of the network mode bridge. With awsvpc the containers of a task reach each other on localhost.",
    "remove links, and address the other container as localhost",
    _PARAMETERS + " (Links)",
    task({"links": ["db"]}, networkMode="awsvpc"),
    task({"links": ["db"]}, networkMode="bridge"),
)
DEPENDS_ON: Final = Rule(
    "depends-on",
    Severity.ERROR,
    "dependsOn that can never be met",
    "ECS refuses a dependency on a container that is not there, HEALTHY on one without a health check, and SUCCESS or COMPLETE on "
    "an essential one (its end ends the task).",
    "correct the name, give that container a healthCheck, or make it essential: false",
    _PARAMETERS + " (Container dependency)",
    task({"dependsOn": [{"containerName": "setup", "condition": "SUCCESS"}]}, {"name": "setup", "image": "s:1"}),
    task(
        {"dependsOn": [{"containerName": "setup", "condition": "SUCCESS"}]},
        {"name": "setup", "image": "s:1", "essential": False},
    ),
)
VOLUMES: Final = Rule(
    "unknown-volume",
    Severity.ERROR,
    "A mount point of a volume that is not there",
    "sourceVolume names an entry of the task definition's volumes; registration fails with 'Unknown volume'.",
    "add it to volumes, or correct the name",
    _PARAMETERS + " (Volumes)",
    task({"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}),
    task({"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}, volumes=[{"name": "data"}]),
)
RULES: Final = (LIMITS, CONTAINERS, PORTS, LINKS, DEPENDS_ON, VOLUMES)


def check(view: View) -> Iterator[Finding]:
    for entity in view.of(Kind.TASK_DEFINITION):
        yield from _limits(entity.node)
        yield from _containers(entity.node)
        yield from _ports(entity.node)
        yield from _dependencies(entity.node)
        yield from _mounts(entity.node)


def _limits(node: Node) -> Iterator[Finding]:
    cpu, memory = cpu_units(node["cpu"]), memory_mib(node["memory"])
    asked = [container["cpu"].integer or 0 for container in containers_of(node)]
    if cpu is not None and sum(asked) > cpu:
        yield node["cpu"].find(LIMITS, f"the containers ask for {sum(asked)} cpu units, the task has {cpu}")
    for container in containers_of(node):
        name, limit, reserved = (
            container["name"].text,
            container["memory"].integer,
            container["memoryReservation"].integer,
        )
        if memory is not None and limit is not None and limit > memory:
            yield container["memory"].find(LIMITS, f"container {name} has memory {limit}, the task {memory}")
        if limit is not None and reserved is not None and reserved > limit:
            yield container["memoryReservation"].find(
                LIMITS, f"container {name}: memoryReservation {reserved} is above memory {limit}"
            )
        ec2 = any(item.text == "EC2" for item in node["requiresCompatibilities"])
        if ec2 and "memory" not in node and "memory" not in container and "memoryReservation" not in container:
            yield container.find(
                LIMITS, f"container {name} has neither memory nor memoryReservation, and the task has no memory"
            )


def _containers(node: Node) -> Iterator[Finding]:
    containers = containers_of(node)
    if not containers:
        yield node["containerDefinitions"].find(CONTAINERS, "there is no container")
        return
    seen: set[str] = set()
    for container in containers:
        name = container["name"].text
        if name is None:
            yield container.find(CONTAINERS, "a container without a name")
        elif name in seen:
            yield container["name"].find(CONTAINERS, f"two containers are named {name}")
        seen.add(name or "")
        if not container["image"].text:
            yield container["image"].find(CONTAINERS, f"container {name} has no image")
    if all(container["essential"].flag is False for container in containers):
        yield containers[0]["essential"].find(CONTAINERS, "no container is essential")


def _ports(node: Node) -> Iterator[Finding]:
    is_awsvpc = node["networkMode"].text == "awsvpc"
    taken: dict[tuple[int, str], str] = {}
    for container in containers_of(node):
        if container["links"].value and (is_awsvpc or node["networkMode"].text in {"host", "none"} or is_fargate(node)):
            yield container["links"].find(LINKS, f"container {container['name'].text} has links")
        for mapping in container["portMappings"].objects():
            port, host = mapping["containerPort"].integer, mapping["hostPort"].integer
            if port is not None and not 1 <= port <= 65535:  # noqa: PLR2004 - the ports that there are
                yield mapping["containerPort"].find(PORTS, f"there is no port {port}")
            if not is_awsvpc or port is None:
                continue
            if host is not None and host not in {0, port}:
                yield mapping["hostPort"].find(PORTS, f"hostPort {host} is not containerPort {port}")
            key = (port, mapping["protocol"].text or "tcp")
            owner = taken.setdefault(key, container["name"].text or "")
            if owner != (container["name"].text or ""):
                yield mapping["containerPort"].find(
                    PORTS, f"container {owner} has port {port} already: they share one address"
                )


def _dependencies(node: Node) -> Iterator[Finding]:
    containers = {container["name"].text: container for container in containers_of(node)}
    for container in containers.values():
        for item in container["dependsOn"].objects():
            name, condition = item["containerName"].literal, item["condition"].text
            if name is None:
                continue
            target = containers.get(name)
            if target is None:
                yield item["containerName"].find(DEPENDS_ON, f"there is no container {name}")
            elif condition == "HEALTHY" and not target["healthCheck"].exists:
                yield item["condition"].find(DEPENDS_ON, f"HEALTHY: container {name} has no healthCheck")
            elif condition in {"SUCCESS", "COMPLETE"} and target["essential"].flag is not False:
                yield item["condition"].find(
                    DEPENDS_ON, f"{condition}: container {name} is essential, its end ends the task"
                )


def _mounts(node: Node) -> Iterator[Finding]:
    names = {volume["name"].text for volume in node["volumes"].objects()}
    for container in containers_of(node):
        for mount in container["mountPoints"].objects():
            if mount["sourceVolume"].literal is not None and mount["sourceVolume"].text not in names:
                yield mount["sourceVolume"].find(VOLUMES, f"there is no volume {mount['sourceVolume'].text}")
