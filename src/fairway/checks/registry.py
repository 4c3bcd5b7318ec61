"""Every check, and what it is asked by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.checks import (
    alarm_checks,
    cluster_checks,
    gate_checks,
    image_checks,
    network_checks,
    quota_checks,
    role_checks,
    value_checks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from fairway.checks.finding import Check, Finding
    from fairway.checks.situation import Situation
    from fairway.project.model import Environment

    Ask = Callable[[Situation], Iterator[Finding]]

_ALL: Final[tuple[tuple[Check, Ask], ...]] = (
    (gate_checks.PEAK_HOURS, gate_checks.peak_hours),
    (gate_checks.STAGING, gate_checks.staging),
    (cluster_checks.CLUSTER, cluster_checks.cluster),
    (cluster_checks.CAPACITY_PROVIDERS, cluster_checks.capacity_providers),
    (cluster_checks.SERVICE_STATE, cluster_checks.service_state),
    (role_checks.ROLE, role_checks.role),
    (image_checks.IMAGE, image_checks.image),
    (image_checks.IMAGE_PLATFORM, image_checks.image_platform),
    (image_checks.IMAGE_SCAN, image_checks.image_scan),
    (image_checks.REPOSITORY_TAGS, image_checks.repository_tags),
    (value_checks.SECRET, value_checks.secret),
    (value_checks.PARAMETER, value_checks.parameter),
    (value_checks.LOG_GROUP, value_checks.log_group),
    (network_checks.TARGET_GROUP, network_checks.target_group),
    (network_checks.SUBNET, network_checks.subnet),
    (network_checks.FREE_ADDRESSES, network_checks.free_addresses),
    (network_checks.SECURITY_GROUP, network_checks.security_group),
    (alarm_checks.ALARM, alarm_checks.alarm),
    (quota_checks.FARGATE_QUOTA, quota_checks.fargate_quota),
)
CHECKS: Final[dict[str, Check]] = {check.code: check for check, _ in _ALL}


def codes_for(environment: Environment) -> frozenset[str]:
    """The checks of an environment: on `local` without those of what a laptop lacks by design."""
    return frozenset(code for code, check in CHECKS.items() if not (environment.is_local and check.laptop))


def judge(situation: Situation, codes: Collection[str]) -> tuple[Finding, ...]:
    """What the checks with these codes say, what is wrong first."""
    found = [finding for check, asked in _ALL if check.code in codes for finding in asked(situation)]
    return tuple(sorted(found, key=lambda item: item.order))
