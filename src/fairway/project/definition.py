"""Reads AWS-native definitions (JSON) and checks them where AWS would only say that something is wrong.

What is refused here is surely a mistake, whatever AWS knows. Members that AWS does not know are found before a deployment,
by its own model of its API (`fairway.deployment.shapes`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fairway.errors import UsageError
from fairway.masking import shown
from fairway.project.text import place, unreadable

if TYPE_CHECKING:
    from pathlib import Path

READ_ONLY: Final = (
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
)
"""Members of DescribeTaskDefinition's answer that RegisterTaskDefinition refuses."""
SERVICE_READ_ONLY: Final = (
    "serviceArn",
    "clusterArn",
    "status",
    "runningCount",
    "pendingCount",
    "deployments",
    "taskSets",
    "events",
    "roleArn",
    "createdAt",
    "createdBy",
    "platformFamily",
    "currentServiceDeployment",
    "currentServiceRevisions",
)
"""Members of a service in DescribeServices' answer that CreateService refuses."""
TASK_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "family": (str,),
    "cpu": (str,),
    "memory": (str,),
    "networkMode": (str,),
    "containerDefinitions": (list,),
    "requiresCompatibilities": (list,),
    "executionRoleArn": (str,),
    "taskRoleArn": (str,),
}
CONTAINER_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "name": (str,),
    "image": (str,),
    "cpu": (int,),
    "memory": (int,),
    "essential": (bool,),
    "environment": (list,),
    "secrets": (list,),
    "portMappings": (list,),
    "command": (list,),
    "healthCheck": (dict,),
    "logConfiguration": (dict,),
    "user": (str,),
}
SERVICE_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "serviceName": (str,),
    "desiredCount": (int,),
    "launchType": (str,),
    "networkConfiguration": (dict,),
    "loadBalancers": (list,),
    "deploymentConfiguration": (dict,),
    "healthCheckGracePeriodSeconds": (int,),
    "tags": (list,),
}
TYPE_NAMES: Final[dict[type, str]] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UsageError: no such file, not JSON (with line and column), not an object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist", hint="create it, or correct the path in fairway.toml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}",
            hint="look there and at the end of the line before: JSON has no comments, and no comma after the last member",
        ) from None
    except RecursionError:
        raise UsageError(f"{path}:1: nested too deeply", hint="no document of AWS is: mend what wrote it") from None
    if not isinstance(document, dict):
        raise UsageError(
            f"{path}:1: an object is expected, as the AWS CLI's --cli-input-json takes it", hint="put it in { }"
        )
    return document


def check_task_definition(document: dict[str, Any], path: Path) -> None:
    """Refuse what is surely a mistake in a task definition.

    Raises:
        UsageError: names file, line, field and remedy.
    """
    if set(document) == {"taskDefinition"} or "taskDefinition" in document:
        raise UsageError(
            f"{place(path, 'taskDefinition')}: this is the answer of describe-task-definition",
            hint='keep what is inside "taskDefinition", without ' + ", ".join(READ_ONLY),
        )
    pasted = [name for name in READ_ONLY if name in document]
    if pasted:
        raise UsageError(
            f"{place(path, pasted[0])}: {', '.join(pasted)}: read-only, copied from describe-task-definition",
            hint="remove "
            + ("it" if len(pasted) == 1 else "them")
            + ": register-task-definition refuses read-only members",
        )
    _check_types(document, TASK_TYPES, path)
    if "family" not in document:
        raise UsageError(f"{path}:1: family is missing", hint='add "family": "NAME"')
    containers = document.get("containerDefinitions")
    if not containers:
        raise UsageError(
            f"{path}:1: containerDefinitions is missing or empty", hint="a task needs at least one container"
        )
    for container in containers:
        if not isinstance(container, dict) or "name" not in container:
            raise UsageError(
                f"{place(path, 'containerDefinitions')}: each container is an object with a name",
                hint='such as {"name": "app", "image": "REPOSITORY:{{ tag }}"}',
            )
        _check_types(container, CONTAINER_TYPES, path, "containerDefinitions", container["name"])
        _check_variables(container, path)


def _check_variables(container: dict[str, Any], path: Path) -> None:
    """A container's variables come from `environment` or from `secrets`, never from both."""
    variables = {item.get("name") for item in container.get("environment", ()) if isinstance(item, dict)}
    for item in container.get("secrets", ()):
        name = item.get("name") if isinstance(item, dict) else None
        if isinstance(name, str) and name in variables:
            raise UsageError(
                f"{place(path, 'containerDefinitions', container['name'], 'secrets', name)}: {name} of container "
                f"{container['name']} is a secret and an environment variable: register-task-definition refuses it",
                hint=f"remove {name} from environment, or from secrets",
            )


def check_service(document: dict[str, Any], definition: dict[str, Any], path: Path) -> None:
    """Refuse what is surely a mistake in a service definition.

    Raises:
        UsageError: names file, line, field and remedy.
    """
    if "services" in document:
        raise UsageError(
            f"{place(path, 'services')}: this is the answer of describe-services",
            hint="keep what create-service takes: aws ecs create-service --generate-cli-skeleton",
        )
    pasted = [name for name in SERVICE_READ_ONLY if name in document]
    if pasted:
        raise UsageError(
            f"{place(path, pasted[0])}: {', '.join(pasted)}: read-only, copied from describe-services",
            hint=f"remove {'it' if len(pasted) == 1 else 'them'}: create-service refuses read-only members",
        )
    _check_types(document, SERVICE_TYPES, path)
    names = [container["name"] for container in definition["containerDefinitions"]]
    for balancer in document.get("loadBalancers", ()):
        name = balancer.get("containerName")
        if name not in names:
            raise UsageError(
                f"{place(path, 'loadBalancers', 'containerName')}: the load balancer's containerName {name!r} "
                "is no container of the task definition",
                hint=f"the task definition {definition['family']} has: {', '.join(names)}",
            )


def _check_types(document: dict[str, Any], types: dict[str, tuple[type, ...]], path: Path, *keys: str) -> None:
    for name, allowed in types.items():
        if name not in document:
            continue
        value = document[name]
        right = isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed)
        if not right:
            raise UsageError(
                f"{place(path, *keys, name)}: {'.'.join((*keys, name))} is {shown(value, name)[:60]}",
                hint=f"{name} is {TYPE_NAMES[allowed[0]]} in AWS's API",
            )
