"""What stands beside services: log groups, roles, scaling bounds. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from fairway.aws.calls import calling, error_code

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fairway.aws.session import Aws

NAMESPACE: Final = "ecs"
DIMENSION: Final = "ecs:service:DesiredCount"
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException"})


def log_groups(aws: Aws, names: Iterable[str]) -> dict[str, int | None]:
    """Of the log groups that are there: days that they keep events, None for ever."""
    found: dict[str, int | None] = {}
    for name in sorted(set(names)):
        with calling(f"looking for the log group {name}"):
            pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
            for page in pages:
                found |= {
                    group["logGroupName"]: group.get("retentionInDays")
                    for group in page["logGroups"]
                    if group["logGroupName"] == name
                }
    return found


@dataclass(frozen=True, slots=True)
class Roles:
    """Which roles are there."""

    missing: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    """IAM may not be asked for them."""


def roles(aws: Aws, names: Iterable[str]) -> Roles:
    """Whether IAM has the roles; by their names, without paths."""
    missing, unchecked = [], []
    for name in sorted(set(names)):
        with calling(f"looking for the role {name}"):
            try:
                aws.client("iam").get_role(RoleName=name)
            except ClientError as error:
                if error_code(error) == "NoSuchEntity":
                    missing.append(name)
                elif error_code(error) in _DENIED:
                    unchecked.append(name)
                else:
                    raise
    return Roles(tuple(missing), tuple(unchecked))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which tasks a service is scaled."""

    least: int
    most: int


def resource_id(cluster: str, service: str) -> str:
    """Source: Application Auto Scaling API Reference, RegisterScalableTarget: `service/my-cluster/my-service`."""
    return f"service/{cluster.rsplit('/', 1)[-1]}/{service}"


def scaling_bounds(aws: Aws, cluster: str, services: Iterable[str]) -> dict[str, Bounds | str]:
    """By service: its bounds, or why AWS does not tell; a service that is not scaled is left out."""
    found: dict[str, Bounds | str] = {}
    for service in sorted(set(services)):
        wanted = resource_id(cluster, service)
        try:
            answer = aws.client("application-autoscaling").describe_scalable_targets(
                ServiceNamespace=NAMESPACE, ResourceIds=[wanted], ScalableDimension=DIMENSION
            )
        except ClientError as error:
            found[service] = str(error)
            continue
        for target in answer["ScalableTargets"]:
            found[service] = Bounds(target["MinCapacity"], target["MaxCapacity"])
    return found
