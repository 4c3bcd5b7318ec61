"""What is looked at after the services were deployed, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fairway.observed import TaskDefinition
    from fairway.project.model import Monitoring, Verification


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
    """What was found."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of a step about a service."""

    health: Health
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """For the report: plain values, and never a secret."""
