"""What ECS refuses in a task definition, and with which words.

Source: the texts that ECS was seen to answer with, and the ECS API Reference for ranges.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fairway.engine.services.ecs.fargate_sizes import cpu_units, is_size, memory_mib
from fairway.engine.services.ecs.faults import ClientException, unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNSUPPORTED: Final = (
    "proxyConfiguration",
    "pidMode",
    "enableFaultInjection",
    "trustedExecutionConfiguration",
    "placementConstraints",
    "containerDefinitions.environmentFiles",
    "containerDefinitions.firelensConfiguration",
    "containerDefinitions.repositoryCredentials",
    "containerDefinitions.resourceRequirements",
    "containerDefinitions.restartPolicy",
    "containerDefinitions.volumesFrom",
    "containerDefinitions.credentialSpecs",
    "containerDefinitions.links",
    "containerDefinitions.extraHosts",
    "containerDefinitions.portMappings.containerPortRange",
    "containerDefinitions.logConfiguration.logDriver=awslogs",
    "containerDefinitions.logConfiguration.secretOptions",
)
"""What RegisterTaskDefinition refuses; `volumes` too, after what Fargate itself says of them."""
WITHOUT_EFFECT: Final = (
    "runtimePlatform",
    "containerDefinitions.hostname",
    "containerDefinitions.interactive",
    "containerDefinitions.pseudoTerminal",
    "containerDefinitions.linuxParameters",
    "containerDefinitions.readonlyRootFilesystem",
    "containerDefinitions.systemControls",
    "containerDefinitions.ulimits",
    "containerDefinitions.dnsSearchDomains",
)
"""What is kept and shown, and no runtime here does."""
MOST_CONTAINERS: Final = 10
"""Of a task definition. Source: ECS Developer Guide, "Amazon ECS service quotas"."""
_RANGES: Final = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
_TIMEOUTS: Final = (2, 120)
"""Seconds, on Fargate. Source: ECS API Reference, ContainerDefinition.startTimeout and stopTimeout."""
_ROLE: Final = re.compile(r"(arn:aws[a-z-]*:iam::\d{12}:role/)?[\w+=,.@/-]+")
"""A role's ARN or its name."""
_PORTS: Final = range(1, 65536)


def check_task(request: Mapping[str, Any]) -> None:
    """Refuse what ECS refuses.

    Raises:
        ClientException: with ECS's text.
        UnsupportedFeatureException: ECS has it, this engine has not.
    """
    if "tags" in request and not request["tags"]:
        raise ClientException("Tags can not be empty.")
    if request.get("inferenceAccelerators"):
        raise ClientException("Unsupported field 'inferenceAccelerators'")
    for member in ("taskRoleArn", "executionRoleArn"):
        if request.get(member) and not _ROLE.fullmatch(request[member]):
            raise ClientException("Role is not valid")
    containers = request["containerDefinitions"]
    if not containers:
        raise ClientException("Container list cannot be empty")
    if len(containers) > MOST_CONTAINERS:
        raise ClientException("Too many containers.")
    names = [container.get("name") for container in containers]
    if len(set(names)) != len(names):
        raise ClientException("Container names must be unique within a task definition")
    fargate = "FARGATE" in request.get("requiresCompatibilities", ())
    for container in containers:
        _check_container(container, request, fargate=fargate)
    if not any(container.get("essential", True) for container in containers):
        raise ClientException("Task definition doesn't have any essential container")
    _check_dependencies(containers)
    _check_volumes(request, fargate=fargate)
    if fargate:
        _check_fargate(request)
    _check_sums(request, containers)


def _check_container(container: Mapping[str, Any], request: Mapping[str, Any], *, fargate: bool) -> None:
    name = container.get("name")
    if not name:
        raise ClientException("Container.name should not be null or empty.")
    image = container.get("image")
    if not image:
        raise ClientException("Container.image should not be null or empty.")
    if any(c.isspace() for c in image):
        raise ClientException("Container.image contains invalid characters")
    if fargate and container.get("privileged"):
        raise ClientException("Fargate requires that the 'privileged' setting be 'false'")
    if fargate and container.get("dockerSecurityOptions"):
        raise ClientException("Fargate compatible task definitions do not support dockerSecurityOptions")
    _check_memory(container, request, fargate=fargate)
    _check_health(container)
    awsvpc = request.get("networkMode") == "awsvpc"
    for mapping in container.get("portMappings", ()):
        host_port, port = mapping.get("hostPort"), mapping.get("containerPort")
        if port is None or port not in _PORTS:
            raise ClientException(f"Invalid 'containerPort' setting for container '{name}'")
        if awsvpc and host_port not in {None, 0, port}:
            raise ClientException(
                "When networkMode=awsvpc, the host ports and container ports in port mappings must match."
            )
    if awsvpc and container.get("dnsServers"):
        raise ClientException("DNS servers are not supported on container when networkMode=awsvpc")
    if awsvpc and container.get("disableNetworking"):
        raise ClientException("Disable Networking is not supported on container when networkMode=awsvpc")
    if container.get("secrets") and not request.get("executionRoleArn"):
        raise ClientException(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'"
        )
    _check_variables(container)
    for member in ("startTimeout", "stopTimeout"):
        seconds = container.get(member)
        if fargate and seconds is not None and not _TIMEOUTS[0] <= seconds <= _TIMEOUTS[1]:
            raise ClientException(f"The {member} of container {name} must be between 2 and 120 seconds.")
    _check_logs(container, request, fargate=fargate)


def _check_variables(container: Mapping[str, Any]) -> None:
    secrets = [secret.get("name") for secret in container.get("secrets", ())]
    twice = next((name for name in secrets if secrets.count(name) > 1), None)
    if twice is not None:
        raise ClientException(f"Duplicate secret names found: {twice}. Each secret name must be unique.")
    variables = {variable.get("name") for variable in container.get("environment", ())}
    both = next((name for name in secrets if name in variables), None)
    if both is not None:
        raise ClientException(
            "The secret name must be unique and not shared with any new or existing environment variables set on the "
            f"container, such as '{both}'."
        )


def _check_memory(container: Mapping[str, Any], request: Mapping[str, Any], *, fargate: bool) -> None:
    name, memory, reserved = container["name"], container.get("memory"), container.get("memoryReservation")
    if not fargate and not request.get("memory") and memory is None and reserved is None:
        raise ClientException(
            f"Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
        )
    if memory is not None and reserved is not None and memory < reserved:
        raise ClientException("'memory' must be greater than or equal to 'memoryReservation'")
    task = memory_mib(request.get("memory", "")) if request.get("memory") else None
    if task is not None and memory is not None and memory > task:
        raise ClientException(f"The 'memory' setting for container '{name}' is greater than for the task")


def _check_health(container: Mapping[str, Any]) -> None:
    health = container.get("healthCheck")
    if not health:
        return
    command = health.get("command") or []
    if not command or command[0] not in {"CMD", "CMD-SHELL"} or len(command) < 2:  # noqa: PLR2004 - the word and a command
        raise ClientException("Health check command must be an array starting with CMD or CMD-SHELL.")
    for member, (lowest, highest) in _RANGES.items():
        value = health.get(member)
        if value is not None and not lowest <= value <= highest:
            raise ClientException(f"Health check {member} must be between {lowest} and {highest}.")


def _check_logs(container: Mapping[str, Any], request: Mapping[str, Any], *, fargate: bool) -> None:
    logs = container.get("logConfiguration")
    if not logs:
        return
    options = logs.get("options", {})
    if not options.get("awslogs-group"):
        raise ClientException("Log driver awslogs requires options: awslogs-group")
    if fargate and not options.get("awslogs-stream-prefix"):
        raise ClientException("Fargate requires log configuration options to include awslogs-stream-prefix")
    if fargate and not request.get("executionRoleArn"):
        raise ClientException(
            "Fargate requires task definition to have execution role ARN to support log driver awslogs"
        )


def _check_dependencies(containers: Sequence[Mapping[str, Any]]) -> None:
    by_name = {container["name"]: container for container in containers}
    for container in containers:
        for dependency in container.get("dependsOn", ()):
            on, condition = dependency["containerName"], dependency["condition"]
            dependee = by_name.get(on)
            if dependee is None:
                raise ClientException(f"Cannot depend on container {on} because it does not exist")
            if condition == "HEALTHY" and not dependee.get("healthCheck"):
                raise ClientException("A dependency container with HEALTHY condition must have health check configured")
            if condition in {"SUCCESS", "COMPLETE"} and dependee.get("essential", True):
                raise ClientException(
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
                )
    _check_cycle(by_name)


def _check_cycle(by_name: Mapping[str, Mapping[str, Any]]) -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ClientException("Containers have a circular dependency: " + " -> ".join((*path, name)))
        if name not in done:
            for dependency in by_name[name].get("dependsOn", ()):
                visit(dependency["containerName"], (*path, name))
            done.add(name)

    for name in by_name:
        visit(name, ())


def _check_volumes(request: Mapping[str, Any], *, fargate: bool) -> None:
    volumes = {volume.get("name"): volume for volume in request.get("volumes", ())}
    for container in request["containerDefinitions"]:
        for mount in container.get("mountPoints", ()):
            if mount.get("sourceVolume") not in volumes:
                raise ClientException(f"Unknown volume '{mount.get('sourceVolume')}'")
    for volume in volumes.values():
        if fargate and volume.get("host", {}).get("sourcePath"):
            raise ClientException("Fargate compatible task definitions do not support sourcePath")
        if fargate and volume.get("dockerVolumeConfiguration"):
            raise ClientException("Fargate compatible task definitions do not support dockerVolumeConfiguration")
        raise unsupported("volumes")


def _check_fargate(request: Mapping[str, Any]) -> None:
    if request.get("networkMode") != "awsvpc":
        raise ClientException("Fargate only supports network mode ‘awsvpc’.")  # noqa: RUF001 - ECS's own quotes
    if request.get("ipcMode"):
        raise ClientException("Fargate compatible task definitions do not support ipcMode")
    for member in ("cpu", "memory"):
        if not request.get(member):
            raise ClientException(f"Fargate requires that '{member}' be defined at the task level.")
    cpu, memory = cpu_units(request["cpu"]), memory_mib(request["memory"])
    if cpu is None:
        raise ClientException(
            "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the "
            "Amazon ECS Developer Guide."
        )
    if memory is None or not is_size(cpu, memory):
        raise ClientException("No Fargate configuration exists for given values.")
    storage = request.get("ephemeralStorage", {}).get("sizeInGiB")
    if storage is not None and storage < 21:  # noqa: PLR2004 - ECS's own text has it
        raise ClientException("EphemeralStorage size should be at least 21")
    if storage is not None and storage > 200:  # noqa: PLR2004 - as above
        raise ClientException("EphemeralStorage size should be at most 200")
    if not request.get("executionRoleArn") and any(".dkr.ecr." in c["image"] for c in request["containerDefinitions"]):
        raise ClientException("Fargate requires task definition to have execution role ARN to support ECR images.")


def _check_sums(request: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]) -> None:
    cpu = cpu_units(request["cpu"]) if request.get("cpu") else None
    if cpu is not None and sum(container.get("cpu", 0) for container in containers) > cpu:
        raise ClientException("The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value")
