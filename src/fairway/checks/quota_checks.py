"""Checks of the account's quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairway.checks.finding import Check, Finding, failed, not_checked, ok, warning
from fairway.preconditions import Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairway.checks.situation import Part, Situation

FARGATE_QUOTA: Final = Check(
    "fargate-quota",
    "The account's quota of Fargate vCPUs has room for the tasks of the deployment",
    "Above the quota no task starts, and the deployment waits for ever. What runs is what CloudWatch counted last.",
    ("servicequotas:GetServiceQuota", "cloudwatch:GetMetricStatistics"),
    'ECS Developer Guide, "AWS Fargate service quotas"; "AWS Fargate usage metrics"',
    laptop="a laptop has no quotas",
)
ON_DEMAND, SPOT = "on-demand", "Spot"
QUOTAS: Final = {ON_DEMAND: "L-3032A538", SPOT: "L-36FBB829"}
"""Codes of Service Quotas: Fargate On-Demand and Fargate Spot vCPU resource count."""
_PROVIDERS: Final = {"FARGATE": ON_DEMAND, "FARGATE_SPOT": SPOT}


def quotas_of(part: Part) -> list[str]:
    """The kinds of capacity that its tasks may take; a cluster's default strategy counts as on-demand."""
    strategy = part.settings.get("capacityProviderStrategy") or ()
    if strategy:
        named = (item["capacityProvider"] for item in strategy)
        return list(dict.fromkeys(_PROVIDERS[name] for name in named if name in _PROVIDERS))
    if part.settings.get("launchType") in {"EC2", "EXTERNAL"}:
        return []
    return [ON_DEMAND] if "FARGATE" in (part.definition.get("requiresCompatibilities") or ("FARGATE",)) else []


def is_sure(part: Part) -> bool:
    """All its tasks take one kind of capacity."""
    strategy = part.settings.get("capacityProviderStrategy") or ()
    return len(strategy) == 1 or (not strategy and bool(part.settings.get("launchType")))


def fargate_quota(situation: Situation) -> Iterator[Finding]:
    """New tasks of services count as they may all run at once; of one-off tasks, which end before, the largest."""
    for kind, code in QUOTAS.items():
        parts = [part for part in situation.parts if kind in quotas_of(part)]
        if not parts:
            continue
        subject, found = f"Fargate {kind}", situation.facts.quotas.get(code)
        once = max((part.vcpu for part in parts if not part.is_service), default=0.0)
        more = max(once, sum(part.vcpu * part.more_tasks for part in parts if part.is_service))
        if found is None:
            yield not_checked(FARGATE_QUOTA, subject, "Service Quotas does not know it here")
        elif isinstance(found, Unread):
            yield not_checked(FARGATE_QUOTA, subject, found.reason)
        elif isinstance(found.used, Unread):
            yield not_checked(FARGATE_QUOTA, subject, found.used.reason)
        else:
            used = found.used or 0.0
            said = f"{used:g} of {found.limit:g} vCPUs are used, and the deployment may take {more:g} more"
            if used + more > found.limit:
                # where a strategy has both kinds, or the cluster's own decides, not all of them need come here
                tell = failed if all(is_sure(part) for part in parts) else warning
                yield tell(
                    FARGATE_QUOTA,
                    subject,
                    said,
                    f"ask for more: aws service-quotas request-service-quota-increase --service-code fargate "
                    f"--quota-code {code} --desired-value {used + more:.0f}; or deploy one service after the other",
                )
            else:
                yield ok(FARGATE_QUOTA, subject, said)
