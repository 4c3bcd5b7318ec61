"""From the ECS target of a rule or a schedule to what RunTask takes.

Source: EventBridge API Reference, EcsParameters; Scheduler API Reference, EcsParameters.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CLUSTER_ARN: Final = re.compile(r"arn:aws[\w-]*:ecs:[a-z0-9-]+:\d{12}:cluster/[A-Za-z0-9_-]+")
STARTED_BY_LENGTH: Final = 36
"""`startedBy` of tasks that EventBridge starts is cut off there (seen on AWS)."""
_SAME: Final = {
    "TaskDefinitionArn": "taskDefinition",
    "TaskCount": "count",
    "LaunchType": "launchType",
    "PlatformVersion": "platformVersion",
    "Group": "group",
    "CapacityProviderStrategy": "capacityProviderStrategy",
    "EnableECSManagedTags": "enableECSManagedTags",
    "EnableExecuteCommand": "enableExecuteCommand",
    "PropagateTags": "propagateTags",
    "ReferenceId": "referenceId",
}
_NETWORK: Final = {"Subnets": "subnets", "SecurityGroups": "securityGroups", "AssignPublicIp": "assignPublicIp"}


class InvalidInput(ValueError):
    """What the target is given is not an override of a task."""


def started_by_rule(name: str) -> str:
    return f"events-rule/{name}"[:STARTED_BY_LENGTH]


def started_by_schedule(name: str) -> str:
    return f"chronos-schedule/{name}"[:STARTED_BY_LENGTH]


def run_task_request(target: Mapping[str, Any], started_by: str, given: str | None) -> dict[str, Any]:
    """The RunTask request of a target. `given`: the target's input, which is a JSON `overrides`.

    Raises:
        InvalidInput: the input is no JSON object.
    """
    parameters = target["EcsParameters"]
    request: dict[str, Any] = {"cluster": target["Arn"], "startedBy": started_by}
    request |= {ours: parameters[theirs] for theirs, ours in _SAME.items() if parameters.get(theirs) is not None}
    network = parameters.get("NetworkConfiguration", {}).get("awsvpcConfiguration")
    if network is not None:
        shown = {ours: network[theirs] for theirs, ours in _NETWORK.items() if network.get(theirs) is not None}
        request["networkConfiguration"] = {"awsvpcConfiguration": shown}
    tags = [tag for given_tag in parameters.get("Tags", ()) for tag in _tags(given_tag)]
    if tags:
        request["tags"] = tags
    if given:
        request["overrides"] = _overrides(given)
    return request


def _tags(given: Mapping[str, str]) -> list[dict[str, str]]:
    """`{"Key": "a", "Value": "b"}` of rules; schedules take that too, in either case, and `{"a": "b"}`."""
    lower = {name.lower(): value for name, value in given.items()}
    if "key" in lower and set(lower) <= {"key", "value"}:
        return [{"key": lower["key"], "value": lower.get("value", "")}]
    return [{"key": name, "value": value} for name, value in given.items()]


def _overrides(given: str) -> dict[str, Any]:
    try:
        overrides = json.loads(given)
    except (ValueError, RecursionError):
        raise InvalidInput("the input of an ECS target must be JSON") from None
    if not isinstance(overrides, dict):
        raise InvalidInput('the input of an ECS target must be a JSON object such as {"containerOverrides": [...]}')
    return overrides
