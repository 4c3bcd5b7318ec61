"""What a task definition asks of the place where it runs: `compatibilities` and `requiresAttributes`.

Source: ECS API Reference, TaskDefinition; attribute names as the container agent registers them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairway.engine.services.ecs.container_rules import check_task
from fairway.engine.services.fault import AwsFault

if TYPE_CHECKING:
    from collections.abc import Mapping

_DOCKER: Final = "com.amazonaws.ecs.capability."


def compatibilities(body: Mapping[str, Any]) -> list[str]:
    """The launch types that could run it: EC2 always, FARGATE if Fargate's rules hold too."""
    try:
        check_task({**body, "requiresCompatibilities": ["FARGATE"]})
    except AwsFault:
        return ["EC2"]
    return ["EC2", "FARGATE"]


def required_attributes(body: Mapping[str, Any]) -> list[dict[str, str]]:
    """The capabilities that a container instance would need, by name."""
    names: set[str] = set()
    for container in body["containerDefinitions"]:
        if container.get("logConfiguration"):
            names |= {
                _DOCKER + "logging-driver.awslogs",
                _DOCKER + "docker-remote-api.1.19",
                "ecs.capability.execution-role-awslogs",
            }
        if ".dkr.ecr." in container["image"]:
            names |= {_DOCKER + "ecr-auth", "ecs.capability.execution-role-ecr-pull"}
        if container.get("healthCheck"):
            names |= {"ecs.capability.container-health-check", _DOCKER + "docker-remote-api.1.24"}
        for secret in container.get("secrets", ()):
            kind = "asm" if ":secretsmanager:" in secret["valueFrom"] else "ssm"
            names.add(f"ecs.capability.secrets.{kind}.environment-variables")
        if container.get("dependsOn"):
            names.add("ecs.capability.container-ordering")
        if container.get("stopTimeout") is not None or container.get("startTimeout") is not None:
            names.add("ecs.capability.task-definition.container-timeouts")
    if body.get("taskRoleArn"):
        names.add(_DOCKER + "task-iam-role")
    if body.get("networkMode") == "awsvpc":
        names |= {"ecs.capability.task-eni", _DOCKER + "docker-remote-api.1.18"}
    if body.get("cpu") or body.get("memory"):
        names.add("ecs.capability.task-cpu-mem-limit")
    return [{"name": name} for name in sorted(names)]
