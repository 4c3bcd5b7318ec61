"""What is measured of a service, minute by minute, and the limits of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """A minute."""

    at: datetime
    """When it begins."""
    requests: int = 0
    target_5xx: int = 0
    """Answered 5xx by a task."""
    balancer_5xx: int = 0
    """Answered 5xx by the load balancer itself, as far as they can only be this service's."""
    p95_seconds: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    """Of the project's own metrics, by name."""
    cpu_percent: float | None = None
    memory_percent: float | None = None

    @property
    def failed(self) -> int:
        return min(self.target_5xx + self.balancer_5xx, self.requests)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a metric must stay within."""

    name: str
    max: float | None = None
    min: float | None = None

    def is_kept_by(self, value: float) -> bool:
        return (self.max is None or value <= self.max) and (self.min is None or value >= self.min)

    def text(self) -> str:
        """`at most 100`, `from 1 to 100`."""
        if self.max is None:
            return f"at least {self.min:g}"
        return f"at most {self.max:g}" if self.min is None else f"from {self.min:g} to {self.max:g}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a service must keep, for how many minutes. None: not judged."""

    minutes: int
    error_rate: float | None = None
    p95_seconds: float | None = None
    task_failures: int | None = 0
    bounds: tuple[Bound, ...] = ()
