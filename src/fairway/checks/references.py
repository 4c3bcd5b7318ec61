"""What task definitions point at: secrets, parameters, log groups, roles, images. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairway.arn import Arn, InvalidArn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fairway.checks.situation import Part

_SECRETS: Final = "secretsmanager"
_ROLES: Final = ("executionRoleArn", "taskRoleArn")
_NAME, _KEY, _STAGE, _VERSION = range(4)


@dataclass(frozen=True, slots=True)
class SecretReference:
    """`arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME:JSON-KEY:STAGE:VERSION`, whose last three parts may be empty.

    Source: ECS Developer Guide, "Pass Secrets Manager secrets through Amazon ECS environment variables".
    """

    arn: str
    """Without the last three parts."""
    region: str
    stage: str = ""
    version: str = ""

    @property
    def name(self) -> str:
        return self.arn.rsplit(":", 1)[-1]


@dataclass(frozen=True, slots=True)
class ParameterReference:
    """A parameter of Systems Manager, by name or ARN."""

    names: tuple[str, ...]
    """What it may be called: an ARN does not tell `/x` from `x`."""
    region: str
    """Empty: the task's own."""


@dataclass(frozen=True, slots=True)
class LogReference:
    """Where a container logs to."""

    container: str
    group: str
    region: str
    creates: bool = False
    """`awslogs-create-group`: it makes the group when it is not there."""


def value_references(part: Part) -> Iterator[SecretReference | ParameterReference]:
    """Each once: of variables, of log drivers, and the credentials of registries."""
    seen: set[SecretReference | ParameterReference] = set()
    for container in part.containers:
        named = [item.get("valueFrom", "") for item in container.get("secrets") or ()]
        options = (container.get("logConfiguration") or {}).get("secretOptions") or ()
        named += [item.get("valueFrom", "") for item in options]
        named.append((container.get("repositoryCredentials") or {}).get("credentialsParameter", ""))
        for text in named:
            reference = read_reference(str(text)) if text else None
            if reference is not None and reference not in seen:
                seen.add(reference)
                yield reference


def read_reference(text: str) -> SecretReference | ParameterReference:
    """What `valueFrom` points at.

    arn:aws:ssm:…:parameter/a/b -> /a/b     arn:aws:ssm:…:parameter/a -> a or /a     anything else -> a parameter's name
    """
    try:
        arn = Arn.parse(text)
    except InvalidArn:
        return ParameterReference((text,), "")
    if arn.service == _SECRETS:
        _, _, rest = arn.resource.partition(":")
        parts = [*rest.split(":"), "", "", ""]
        whole = str(Arn(arn.partition, arn.service, arn.region, arn.account, f"secret:{parts[_NAME]}"))
        return SecretReference(whole, arn.region, parts[_STAGE], parts[_VERSION])
    path = arn.resource.removeprefix("parameter")
    names = (path,) if path.count("/") > 1 else (path.removeprefix("/"), path)
    return ParameterReference(names, arn.region)


def log_references(part: Part, region: str) -> Iterator[LogReference]:
    """Each group once."""
    seen: set[str] = set()
    for container in part.containers:
        configuration = container.get("logConfiguration") or {}
        options: Mapping[str, Any] = configuration.get("options") or {}
        group = options.get("awslogs-group")
        if configuration.get("logDriver") != "awslogs" or not group or group in seen:
            continue
        seen.add(str(group))
        creates = str(options.get("awslogs-create-group", "")).lower() == "true"
        yield LogReference(str(container["name"]), str(group), str(options.get("awslogs-region") or region), creates)


def role_references(part: Part) -> Iterator[tuple[str, str]]:
    """(member of the definition, role)."""
    for member in _ROLES:
        role = part.definition.get(member)
        if role:
            yield member, str(role)


def image_references(part: Part) -> list[str]:
    """Each image once."""
    return list(dict.fromkeys(str(container.get("image", "")) for container in part.containers))
