"""What is verified and monitored: services whose deployment has just ended well; and what is found out about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fairway.project.checks import KEEP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fairway.observed import TaskDefinition
    from fairway.project.checks import Monitoring, Verification


@dataclass(frozen=True, slots=True)
class Subject:
    """A service whose deployment has just ended SUCCESSFUL."""

    key: str
    name: str
    """On ECS."""
    target: TaskDefinition
    verify: tuple[Verification, ...]
    monitor: Monitoring | None
    since: datetime
    """AWS's time from which on it served."""


class Health(StrEnum):
    """What a step has found out about a service."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"
    SUPERSEDED = "superseded"
    """A newer deployment that is not ours: nothing more can be said about ours."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of a step about a service."""

    health: Health
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """For the report: what JSON can hold, and never a secret."""


def needs_new_window(findings: Iterable[Finding]) -> bool:
    """More patience with the same window brings nothing: a verdict of all of it is inconclusive, or it was never begun. Pure."""
    open_ends = [found for found in findings if found.health is Health.INCONCLUSIVE]
    return any(found.evidence.get("watched_to_its_end", True) for found in open_ends)


def is_held(subject: Subject, finding: Finding) -> bool:
    """Somebody has to decide: nothing is known, and the file does not say that this counts as good (`on_inconclusive`)."""
    keeps = subject.monitor is not None and subject.monitor.on_inconclusive == KEEP
    return finding.health is Health.INCONCLUSIVE and not (keeps and finding.evidence.get("watched_to_its_end", False))
