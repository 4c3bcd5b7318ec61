"""What the checks need to know of AWS. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.checks.alarm_checks import alarm_names
from fairway.checks.quota_checks import QUOTAS, quotas_of
from fairway.checks.references import (
    ParameterReference,
    SecretReference,
    image_references,
    log_references,
    role_references,
    value_references,
)
from fairway.checks.situation import parts_of
from fairway.preconditions import Wanted
from fairway.project.image_name import ecr_image

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from fairway.observed import Service
    from fairway.planning.release import Release
    from fairway.project.model import Environment

FARGATE: Final = frozenset({"FARGATE", "FARGATE_SPOT"})
_NETWORK: Final = frozenset({"security-group", "free-addresses", "subnet"})


def wanted_of(
    release: Release, living: Mapping[str, Service], environment: Environment, codes: Collection[str]
) -> Wanted:
    """What checks with these codes ask about a release."""
    parts, region = parts_of(release, living), environment.region
    values = [reference for part in parts for reference in value_references(part)]
    images = _once(image for part in parts for image in image_references(part))
    has_network = bool(_NETWORK & set(codes))

    def when(code: str, names: Iterable[str]) -> tuple[str, ...]:
        return _once(names) if code in codes else ()

    return Wanted(
        cluster=environment.cluster,
        providers=when(
            "capacity-providers",
            (
                item["capacityProvider"]
                for part in parts
                for item in part.settings.get("capacityProviderStrategy") or ()
                if item["capacityProvider"] not in FARGATE
            ),
        ),
        roles=when("role", (role for part in parts for _, role in role_references(part))),
        images=tuple(i for i in images if (name := ecr_image(i)) is not None and name.region == region),
        scans="image-scan" in codes,
        platforms="image-platform" in codes,
        repositories="repository-tags" in codes,
        secrets=when("secret", (v.arn for v in values if isinstance(v, SecretReference) and v.region == region)),
        parameters=when(
            "parameter",
            (
                name
                for value in values
                if isinstance(value, ParameterReference) and value.region in {"", region}
                for name in value.names
            ),
        ),
        log_groups=when(
            "log-group",
            (log.group for part in parts for log in log_references(part, region) if log.region == region),
        ),
        target_groups=when("target-group", (item["targetGroupArn"] for part in parts for item in part.balancers)),
        network=has_network,
        subnets=_once(subnet for part in parts for subnet in part.subnets) if has_network else (),
        security_groups=_once(group for part in parts for group in part.security_groups) if has_network else (),
        alarms=when("alarm", (name for part in parts for name in alarm_names(part.configuration))),
        quotas=when("fargate-quota", (QUOTAS[kind] for part in parts for kind in quotas_of(part))),
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
