"""Checks definitions against AWS's own model of its API, as botocore has it: what it would not send is found before the first write."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import botocore.session
from botocore.validate import ParamValidator

from fairway.errors import UsageError
from fairway.masking import masked
from fairway.project.text import did_you_mean, place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from botocore.model import ServiceModel

_STEP: Final = re.compile(r"[^.\[\]]+")
_PLACEHOLDER: Final = "name"
_NEWER: Final = "or upgrade boto3, if AWS has it since"
_TYPES: Final = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object",
}


def check_task_definition_shape(document: Mapping[str, Any], path: Path) -> None:
    """Refuse what RegisterTaskDefinition does not take.

    Raises:
        UsageError: an unknown member, a wrong type or a missing member; names file, line, field and remedy.
    """
    _check("RegisterTaskDefinition", document, document, path)


def check_service_shape(document: Mapping[str, Any], path: Path) -> None:
    """Refuse what CreateService does not take.

    Raises:
        UsageError: as for task definitions.
    """
    ours = {"serviceName": _PLACEHOLDER, "taskDefinition": _PLACEHOLDER, "cluster": _PLACEHOLDER}
    _check("CreateService", {**document, **ours}, document, path)


def check_balanced_ports(service: Mapping[str, Any], definition: Mapping[str, Any], path: Path) -> None:
    """Refuse a load balancer that sends to a port which its container does not say that it has: CreateService would.

    Raises:
        UsageError: names file, line, field and remedy.
    """
    containers = {container["name"]: container for container in definition["containerDefinitions"]}
    for balancer in service.get("loadBalancers", ()):
        container = containers.get(balancer.get("containerName"))
        port = balancer.get("containerPort")
        ports = [mapping.get("containerPort") for mapping in (container or {}).get("portMappings", ())]
        if container is not None and port not in ports:
            raise UsageError(
                f"{place(path, 'loadBalancers', 'containerPort')}: the load balancer's containerPort {port} is no containerPort of "
                f"{container['name']} in the task definition",
                hint=f"{container['name']} in {definition['family']} has: {', '.join(map(str, ports)) or 'no portMappings'}",
            )


def check_run_shape(document: Mapping[str, Any], path: Path) -> None:
    """Refuse what RunTask does not take.

    Raises:
        UsageError: as for task definitions.
    """
    _check("RunTask", {**document, "taskDefinition": _PLACEHOLDER}, document, path)


def members_of(operation: str) -> frozenset[str]:
    """The members that an operation of ECS takes."""
    shape = _model().operation_model(operation).input_shape
    assert shape is not None
    return frozenset(shape.members)


@cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("ecs")


def _check(operation: str, request: Mapping[str, Any], document: Mapping[str, Any], path: Path) -> None:
    shape = _model().operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(dict(request), shape)
    if not report.has_errors():
        return
    # the report's text has no place in the file; botocore keeps the parts of it under this name only
    kind, where, details = cast("Any", report)._errors[0]  # noqa: SLF001
    keys = _STEP.findall(where)
    at = _place(document, keys, path)
    field = ".".join(keys)
    if kind == "unknown field":
        unknown = str(details["unknown_param"])
        members = list(details["valid_names"])
        full = f"{field}.{unknown}" if field else unknown
        raise UsageError(
            f"{_place(document, [*keys, unknown], path)}: {operation} has no member {full}",
            hint=f"{did_you_mean(unknown, members)}; {_NEWER}",
        )
    if kind == "missing required field":
        missing = details["required_name"]
        raise UsageError(
            f"{at}: {f'{field}.{missing}' if field else missing} is missing", hint=f"{operation} needs {missing}"
        )
    if kind == "invalid type":
        names = [str(name).removeprefix("<class '").removesuffix("'>") for name in details["valid_types"]]
        wanted = " or ".join(dict.fromkeys(_TYPES.get(name, name) for name in names))
        raise UsageError(
            f"{at}: {field} is {_shown(keys, details['param'])}, which {operation} does not take",
            hint=f"{keys[-1] if keys else field} is {wanted} in AWS's API",
        )
    text = report.generate_report().splitlines()[0]
    raise UsageError(f"{at}: {text}", hint=f"correct it as {operation} takes it")


def _shown(keys: list[str], value: Any) -> str:
    """What the file says there, unless it may be a secret: the value of a variable is none of a message's business."""
    if "environment" in keys[:-1]:
        return "something"
    safe = masked(value, keys[-1] if keys else "")
    return repr(str(safe)[:60])


def _place(document: Mapping[str, Any], keys: list[str], path: Path) -> str:
    """`FILE:LINE`; an item of a list is found by its name, where it has one."""
    words: list[str] = []
    here: Any = document
    for key in keys:
        if isinstance(here, list) and key.isdigit() and int(key) < len(here):
            here = here[int(key)]
            if isinstance(here, dict) and isinstance(here.get("name"), str):
                words.append(here["name"])
            continue
        here = here.get(key) if isinstance(here, dict) else None
        words.append(key)
    return place(path, *words)
