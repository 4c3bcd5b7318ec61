"""What is verified and monitored: services whose deployment has just ended well; and what is found out about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
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
