"""When two values of a definition mean the same to ECS, though they are written differently. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

from fairway.arn import Arn, is_arn

_WHOLE: Final = re.compile(r"0|[1-9]\d*")
_VCPU: Final = re.compile(r"(?P<number>\d*\.?\d+)\s*vcpu", re.IGNORECASE)
_GB: Final = re.compile(r"(?P<number>\d*\.?\d+)\s*gb", re.IGNORECASE)
_UNITS: Final = 1024
_NAMED: Final = frozenset(
    {"taskRoleArn", "executionRoleArn", "role", "roleArn", "cluster", "taskDefinition", "capacityProvider", "namespace"}
    | {"alarmNames", "secrets", "secretOptions", "credentialsParameter", "kmsKeyId", "discoveryName"}
)
"""Members in which AWS takes a name and an ARN alike."""
VERBATIM: Final = frozenset({"environment", "tags", "options", "dockerLabels", "driverOpts", "labels", "hookDetails"})
"""Members whose values are the user's own texts: nothing about them is equal but the text itself."""


def same(path: tuple[str, ...], one: Any, other: Any) -> bool:
    """The two values at `path` (AWS's members, without the keys of lists) mean the same.

    cpu "1024" and 1024; "1 vCPU" and "1024"; a role and its ARN; `repo:tag` and `repo:tag@sha256:…`
    """
    if one == other and type(one) is type(other):
        return True
    if VERBATIM & set(path):
        return bool(one == other)
    if path in {("cpu",), ("memory",)}:
        return bool(task_size(path[0], one) == task_size(path[0], other))
    first, second = _number(one), _number(other)
    if not isinstance(first, str) or not isinstance(second, str):
        return bool(first == second) and isinstance(first, bool) is isinstance(second, bool)
    if _NAMED & set(path):
        return _same_resource(first, second)
    if path[-1] == "image":
        return _same_image(first, second)
    return is_arn(first) and is_arn(second) and _same_arn(Arn.parse(first), Arn.parse(second))


def task_size(member: str, value: Any) -> Any:
    """CPU units or MiB of a task: "1 vCPU" -> 1024, "0.5GB" -> 512, "2048" -> 2048.

    Source: ECS API Reference, RegisterTaskDefinition (cpu, memory): such texts are converted to an integer.
    """
    text = str(value).strip()
    match = (_VCPU if member == "cpu" else _GB).fullmatch(text)
    if match is not None:
        return round(float(match["number"]) * _UNITS)
    return _number(text)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


def _same_resource(one: str, other: str) -> bool:
    if is_arn(one) and is_arn(other):
        return _same_arn(Arn.parse(one), Arn.parse(other))
    if is_arn(other):
        one, other = other, one
    if not is_arn(one):
        return False
    arn = Arn.parse(one)
    kind, _, name = arn.resource.partition("/")
    if arn.service == "ssm":
        # /a/b is parameter/a/b, and so is a/b
        return kind == "parameter" and name == other.removeprefix("/")
    if arn.service == "iam":
        return name.rsplit("/", 1)[-1] == other
    return name in {other, *([other.removeprefix("alias/")] if kind == "alias" else [])} or (
        arn.service == "cloudwatch" and arn.resource == f"alarm:{other}"
    )


def _same_arn(one: Arn, other: Arn) -> bool:
    """Equal, where ECS has filled in the region or the account that one of them leaves empty."""
    return (
        (one.partition, one.service, one.resource) == (other.partition, other.service, other.resource)
        and (one.region == other.region or "" in {one.region, other.region})
        and (one.account == other.account or "" in {one.account, other.account})
    )


def _same_image(one: str, other: str) -> bool:
    """The same repository and tag; a digest counts only where both have one.

    A digest without a tag is not compared with a tag: which one it is, only the registry knows.
    """
    (name, _, digest), (other_name, _, other_digest) = one.partition("@"), other.partition("@")
    has_tag = ":" in name.rsplit("/", 1)[-1]
    return name == other_name and has_tag and not (digest and other_digest)
